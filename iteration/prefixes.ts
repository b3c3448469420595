/** What stands before the new tokens of a rollout. */
import type { StoredProblem } from '../contracts/artifacts/documents.js';
import type { StoredRollout } from '../contracts/artifacts/stored-rollout.js';
import { responseKey } from './join.js';

/** A place on an initial response: the first `at` tokens of it are kept. */
export type Place = Pick<StoredRollout, 'problem' | 'response' | 'at'>;

/** The problems of a batch with their initial responses: what stands before the new tokens of any rollout. */
export class Prefixes {
  readonly #tokens: ReadonlyMap<string, Int32Array>;

  constructor(
    readonly problems: readonly StoredProblem[],
    readonly initial: readonly StoredRollout[],
  ) {
    this.#tokens = new Map(initial.map((rollout) => [responseKey(rollout), rollout.tokens]));
  }

  /** The kept tokens of the response. */
  kept(place: Place): Int32Array {
    const tokens = this.#tokens.get(responseKey(place));
    if (!tokens) throw new RangeError(`the batch has no response ${place.response} of problem ${place.problem}`);
    return tokens.subarray(0, place.at);
  }

  /** Prompt and kept tokens. */
  before(place: Place): Int32Array {
    return Int32Array.from([...this.problems[place.problem].prompt, ...this.kept(place)]);
  }
}
