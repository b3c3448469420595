/** Six held-out sets, as the paper has six benchmarks: lengths, and how far back the references reach, differ. */
import type { ProgramSettings } from './generator.js';
import { DEFAULT_PROGRAMS } from './generator.js';

export interface EvaluationSet {
  readonly name: string;
  readonly settings: ProgramSettings;
  readonly size: number;
}

const set = (name: string, changes: Partial<ProgramSettings>): EvaluationSet => ({
  name,
  settings: { ...DEFAULT_PROGRAMS, ...changes },
  size: 100,
});

export const EVALUATION_SETS: readonly EvaluationSet[] = [
  set('short', { lines: [4, 5] }),
  set('medium', { lines: [6, 7] }),
  set('long', { lines: [8, 9] }),
  set('far-reuse', { lines: [6, 9], firstShare: 0.8, previousShare: 0 }),
  set('near-chain', { lines: [4, 9], firstShare: 0, previousShare: 0.9 }),
  set('longest', { lines: [10, 12] }),
];
