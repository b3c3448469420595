import { defineConfig } from 'vitest/config';
import base from '../../../vitest.config.js';

/** The recorder is no test of the suite: it writes. */
export default defineConfig({ test: { ...base.test, include: ['test/workflows/histories/record.ts'] } });
