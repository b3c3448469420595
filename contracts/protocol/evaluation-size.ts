import type { ArtifactRef } from '../artifacts/artifact-ref.js';
import { isSmall, MAX_RESULT_BYTES } from './result-size.js';
import type { RecordedEvaluation } from './run.js';

/** Whether the figures of these sets, at their widest, are small enough for a history. */
export function fitsHistory(sets: readonly string[]): boolean {
  const [share, mean] = [0.333333, 3.3333333333333334e-8]; // rounded, and not
  const evaluation: ArtifactRef<'evaluation'> = { sha256: '0'.repeat(64), bytes: 1e12, kind: 'evaluation' };
  const figures = {
    problems: 100_000,
    samplesPerProblem: 1024,
    skippedPrompts: 100_000,
    meanLength: 1_000_000 + share,
  };
  const shares = { accuracy: share, interval: [share, share] as const, passAtK: share, truncated: share };
  const widest: RecordedEvaluation = {
    summary: { policyVersion: 1_000_000, accuracies: sets.map(() => mean), mean, evaluation },
    sets: sets.map((set) => ({ set, ...figures, ...shares })),
    interval: [share, share],
  };
  return isSmall(widest, MAX_RESULT_BYTES);
}
