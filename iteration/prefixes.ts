import { readArtifact } from '../store/formats/artifacts.js';
import type { BatchRefs } from '../contracts/protocol/activities.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import type { StoredProblem } from '../store/formats/documents.js';
import { type StoredRollout } from '../store/formats/rollouts.js';

/** A place on an initial response: the first `at` tokens of it are kept. */
export type Place = Pick<StoredRollout, 'problem' | 'response' | 'at'>;

/** The problems of a batch with their initial responses: what stands before the new tokens of any rollout. */
export class Prefixes {
  readonly #tokens: ReadonlyMap<string, Int32Array>;

  constructor(
    readonly problems: readonly StoredProblem[],
    readonly initial: readonly StoredRollout[],
  ) {
    this.#tokens = new Map(initial.map(({ problem, response, tokens }) => [`${problem}/${response}`, tokens]));
  }

  /** The kept tokens of the response. */
  kept({ problem, response, at }: Place): Int32Array {
    const tokens = this.#tokens.get(`${problem}/${response}`);
    if (!tokens) throw new RangeError(`the batch has no response ${response} of problem ${problem}`);
    return tokens.subarray(0, at);
  }

  /** Prompt and kept tokens. */
  before(place: Place): Int32Array {
    return Int32Array.from([...this.problems[place.problem].prompt, ...this.kept(place)]);
  }
}

export async function readPrefixes(store: ArtifactStore, refs: BatchRefs): Promise<Prefixes> {
  const { problems } = await readArtifact(store, refs.problems);
  return new Prefixes(problems, await readArtifact(store, refs.responses));
}
