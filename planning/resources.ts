/** Memory of each role, and bytes that an iteration leaves in the store: what follows from the shape and the configuration. */
import type { RunConfig } from '../contracts/config.js';
import { PREFERRED_TOKENS } from '../policy/learn/micro-batches.js';
import { layersKept, updateMemory } from '../policy/learn/segments/memory-budget.js';
import type { ModelConfig } from '../policy/transformer/config.js';
import { LIMITS } from '../policy/limits.js';
import { copiesOfWeights, isLearntInPieces } from '../policy/transformer/large.js';
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

/** @param budget bytes that the learner of a large model may use */
export function memoryByRole(
  config: RunConfig,
  model: ModelConfig,
  size: ModelSize,
  work: Work,
  budget: number,
): Memory {
  const { sampling, engine, update } = config;
  const weights = size.parameters * FLOAT_BYTES;
  const rows = Math.min(engine.slots, work.responses + work.branches);
  const longest = sampling.maxPromptTokens + sampling.maxResponseTokens;
  const { keptPolicies: policiesHeld } = LIMITS.processes;
  const copies = copiesOfWeights(model, engine);
  return {
    rollout: [
      {
        what: `weights of ${policiesHeld} policies, one of them at least${copies > 1 ? '; each packed, and as it is' : ''}`,
        bytes: policiesHeld * copies * weights,
      },
      {
        what: `keys and values of ${rows} rollouts of ${longest} tokens`,
        bytes: rows * longest * size.cacheBytesPerToken,
      },
      { what: 'keys and values of shared prefixes', bytes: LIMITS.generate.prefixCacheBytes },
    ],
    learner: [
      { what: 'weights', bytes: weights },
      { what: 'gradient', bytes: weights },
      ...(update.klWeight > 0 ? [{ what: 'weights of the reference', bytes: weights }] : []),
      ...(isLearntInPieces(model)
        ? ofPieces(model, Math.max(Math.min(update.tokenBudget, PREFERRED_TOKENS), longest), budget)
        : ofOneGraph(model, size, Math.max(update.tokenBudget, longest))),
    ],
    control: [{ what: 'an iteration being put together', bytes: storedBytes(size, work).rows * 2 + PROCESS_BYTES }],
    verifier: [{ what: 'a process, and one for each core', bytes: 2 * PROCESS_BYTES }],
  };
}

/** @param tokens of a micro-batch */
function ofOneGraph({ layers, hiddenSize, intermediateSize, ...model }: ModelConfig, size: ModelSize, tokens: number) {
  const { heads, kvHeads, headSize } = model;
  const oneLayer = 6 * hiddenSize + 4 * intermediateSize + 2 * (heads + 2 * kvHeads) * headSize;
  return [
    { what: 'two moments', bytes: 2 * size.parameters * FLOAT_BYTES },
    {
      what: `activations of ${tokens} tokens, one layer at a time`,
      bytes: tokens * (layers * hiddenSize + oneLayer) * FLOAT_BYTES,
    },
  ];
}

function ofPieces(model: ModelConfig, tokens: number, budget: number): Part[] {
  const { kept, inner, pieces } = updateMemory(model, LIMITS.learn.segments, tokens);
  const layers = layersKept(model, LIMITS.learn.segments, tokens, budget);
  const some = layers < model.layers ? `${layers} of ${model.layers}` : `all ${layers}`;
  return [
    {
      what: 'two moments, a piece at a time; all of them are in a file',
      bytes: 2 * LIMITS.learn.momentsPiece * FLOAT_BYTES,
    },
    {
      what: `activations of ${tokens} tokens, those of ${some} layers kept (budget of the learner: ${gibibytes(budget)})`,
      bytes: kept + layers * inner + pieces,
    },
  ];
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

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
