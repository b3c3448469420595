/** One thing that is wrong with a checkpoint: `path` is the file, key or tensor it is in. */
export interface CheckpointProblem {
  readonly path: string;
  readonly problem: string;
}

/** A checkpoint that can not be used. Lists every problem with the file and key it is in. */
export class InvalidCheckpoint extends Error {
  override readonly name = 'InvalidCheckpoint';
  constructor(
    readonly where: string,
    readonly problems: readonly CheckpointProblem[],
  ) {
    const lines = problems.map(({ path, problem }) => `  - ${path}: ${problem}`);
    super(`checkpoint ${where} can not be used:\n${lines.join('\n')}`);
  }
}
