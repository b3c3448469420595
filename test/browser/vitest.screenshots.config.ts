import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.js';

/** `npm run screenshots`: the browser test, which then also takes the pictures of docs/. */
export default defineConfig({
  test: { ...base.test, include: ['test/browser/*.test.ts'], env: { ATTNRL_SCREENSHOTS: 'docs/screenshots' } },
});
