import { AttemptError } from '../../../contracts/errors/retry-policy.js';

/** One thing that is wrong with a checkpoint: `path` is the file, key or tensor it is in. */
export interface CheckpointProblem {
  readonly path: string;
  readonly problem: string;
}

/** A checkpoint that cannot be used. Lists every problem with the file and key it is in. */
export class InvalidCheckpoint extends AttemptError {
  override readonly name = 'InvalidCheckpoint';
  override readonly retry = 'never';
  constructor(
    readonly where: string,
    readonly problems: readonly CheckpointProblem[],
  ) {
    const lines = problems.map(({ path, problem }) => `  - ${path}: ${problem}`);
    super(`checkpoint ${where} cannot be used:\n${lines.join('\n')}`);
  }
}
