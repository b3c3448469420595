/** Where a run's problems come from. */

import type { Prompt } from '../contracts/artifacts/prompt.js';

export interface Problem {
  /** Place in its source, 0 <= index < size. */
  readonly index: number;
  /** Unique in its source, for people: `train/17`, `algebra.jsonl:3`. */
  readonly id: string;
  readonly prompt: Prompt;
  /** An answer equal to any of these is right. */
  readonly groundTruth: string | readonly string[];
}

/** A finite set of problems, addressed by index: the same problem for the same index, always. */
export interface ProblemSource {
  readonly name: string;
  /** At least 1. */
  readonly size: number;
  /** Of what was read, in order; absent where the task's options say it all. */
  readonly sha256?: string;
  /** @throws RangeError for an index outside [0, size) */
  problem(index: number): Problem;
}

/** Checks the index, then makes the problem. */
export function problemSource(
  name: string,
  size: number,
  at: (index: number) => Omit<Problem, 'index'>,
  sha256?: string,
): ProblemSource {
  return {
    name,
    size,
    ...(sha256 === undefined ? {} : { sha256 }),
    problem(index) {
      if (!Number.isInteger(index) || index < 0 || index >= size) {
        throw new RangeError(`${name} has problems 0 … ${size - 1}, not ${index}`);
      }
      return { index, ...at(index) };
    },
  };
}
