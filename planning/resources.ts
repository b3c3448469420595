/** Memory of each role, and bytes that an iteration leaves in the store: what follows from the shape and the configuration. */
import type { RunConfig } from '../contracts/config.js';
import type { ModelConfig } from '../policy/transformer/config.js';
import { LIMITS } from '../policy/limits.js';
import { isLearntInPieces } from '../policy/transformer/large.js';
import { FLOAT_BYTES, type ModelSize } from './model-size.js';
import type { Work } from './work.js';

export interface Part {
  readonly what: string;
  readonly bytes: number;
}

/** In tensors that are known beforehand; the runtime and what a graph holds between two operators come on top. */
export interface Memory {
  readonly rollout: readonly Part[];
  readonly learner: readonly Part[];
  /** Workers that hold no model: what they read of one iteration at once. */
  readonly control: readonly Part[];
  readonly verifier: readonly Part[];
}

/** Tokens of a rollout or path, and what is kept beside each: log-prob, entropy, advantage, weight, predecessor. */
const ROLLOUT_TOKEN_BYTES = 2 * 4;
const SCORE_TOKEN_BYTES = 2 * 4;
const ROW_TOKEN_BYTES = 5 * 4;
/** A Node process. */
const PROCESS_BYTES = 150 * 2 ** 20;

export function memoryByRole(config: RunConfig, model: ModelConfig, size: ModelSize, work: Work): Memory {
  const { sampling, engine, update } = config;
  const weights = size.parameters * FLOAT_BYTES;
  const rows = Math.min(engine.slots, work.responses + work.branches);
  const longest = sampling.maxPromptTokens + sampling.maxResponseTokens;
  const { layers, hiddenSize, intermediateSize, heads, kvHeads, headSize } = model;
  const micro = Math.max(update.tokenBudget, longest);
  const inPieces = isLearntInPieces(model);
  const { keptPolicies: policiesHeld } = LIMITS.processes;
  const largest = Math.max(model.vocabSize * hiddenSize, 2 * intermediateSize * hiddenSize) * FLOAT_BYTES;
  // Of a layer what goes into it is kept, and in pieces what its attention found as well.
  const keptOfLayer = (hiddenSize + (inPieces ? heads * headSize : 0)) * FLOAT_BYTES;
  const oneLayer = (6 * hiddenSize + 4 * intermediateSize + 2 * (heads + 2 * kvHeads) * headSize) * FLOAT_BYTES;
  return {
    rollout: [
      { what: `weights of ${policiesHeld} policies, one of them at least`, bytes: policiesHeld * weights },
      {
        what: `keys and values of ${rows} rollouts of ${longest} tokens`,
        bytes: rows * longest * size.cacheBytesPerToken,
      },
      { what: 'keys and values of shared prefixes', bytes: LIMITS.generate.prefixCacheBytes },
    ],
    learner: [
      { what: 'weights', bytes: weights },
      { what: 'gradient', bytes: weights },
      inPieces
        ? { what: 'two moments of one parameter; the others are in a file', bytes: 2 * largest }
        : { what: 'two moments', bytes: 2 * weights },
      ...(update.klWeight > 0 ? [{ what: 'weights of the reference', bytes: weights }] : []),
      { what: `activations of ${micro} tokens, one layer at a time`, bytes: micro * (layers * keptOfLayer + oneLayer) },
    ],
    control: [{ what: 'an iteration being put together', bytes: storedBytes(size, work).rows * 2 + PROCESS_BYTES }],
    verifier: [{ what: 'a process, and one for each core', bytes: 2 * PROCESS_BYTES }],
  };
}

export interface Stored {
  readonly policy: number;
  readonly rollouts: number;
  readonly scores: number;
  readonly rows: number;
}

/** Per iteration, in bytes. Policies beyond the retention go with `attnrl gc`; the rest stays with the run. */
export function storedBytes({ parameters }: ModelSize, { generated, trained }: Work): Stored {
  return {
    policy: 3 * parameters * FLOAT_BYTES, // weights and two moments
    rollouts: generated * ROLLOUT_TOKEN_BYTES,
    scores: generated * SCORE_TOKEN_BYTES,
    rows: trained * ROW_TOKEN_BYTES,
  };
}
