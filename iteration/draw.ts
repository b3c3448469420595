import { drawProblems, type DataCursor, type DataOrder } from '../algorithm/data-order.js';
import type { PromptEncoder } from '../contracts/artifacts/prompt.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import type { ProblemSource } from '../tasks/problem-source.js';
import type { StoredProblem } from '../contracts/artifacts/documents.js';

/** A draw of problems from the seeded order, as far as it got. */
export class ProblemDraw {
  readonly problems: StoredProblem[] = [];
  /** Prompts over the limit that were passed over. */
  skippedPrompts = 0;
  readonly #order: DataOrder;
  readonly #maxPromptTokens: number;

  constructor(
    { config, dataSetSize }: Pick<RunManifest, 'config' | 'dataSetSize'>,
    private readonly source: ProblemSource,
    private readonly prompts: PromptEncoder,
    /** The next problem. */
    public cursor: DataCursor,
  ) {
    this.#order = { seed: config.seed, size: dataSetSize };
    this.#maxPromptTokens = config.sampling.maxPromptTokens;
  }

  /** Looks at as many problems as are missing to `count`; those whose prompts fit are taken. */
  advance(count: number): void {
    const { indices, cursor } = drawProblems(this.#order, this.cursor, count - this.problems.length);
    this.cursor = cursor;
    for (const index of indices) {
      const { prompt, groundTruth } = this.source.problem(index);
      const tokens = this.prompts.encode(prompt);
      if (tokens.length > this.#maxPromptTokens) this.skippedPrompts += 1;
      else this.problems.push({ index, prompt: [...tokens], groundTruth });
    }
  }
}
