/** Memory of each role, and bytes that an iteration leaves in the store: what follows from the shape and the configuration. */
import type { RunConfig } from '../../contracts/config/run-config.js';
import { PREFERRED_TOKENS } from '../../policy/training/micro-batches.js';
import { layersKept, updateMemory } from '../../policy/onnx/learn/segments/memory-budget.js';
import type { ModelConfig } from '../../policy/model/config.js';
import type { LearnLimits, Limits } from '../../policy/limits.js';
import { copiesOfWeights, isLearntInPieces, policiesKept } from '../../policy/model/large.js';
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

/** @param limits of what policies and the learner of a large model may take */
export function memoryByRole(
  config: RunConfig,
  model: ModelConfig,
  size: ModelSize,
  work: Work,
  limits: Limits,
): Memory {
  const { sampling, engine, update } = config;
  const weights = size.parameters * FLOAT_BYTES;
  const rows = Math.min(engine.slots, work.responses + work.branches);
  const longest = sampling.maxPromptTokens + sampling.maxResponseTokens;
  const held = policiesKept(model, engine, limits.processes);
  const copies = copiesOfWeights(model, engine);
  return {
    rollout: [
      {
        what: `weights of ${held === 1 ? 'a policy' : `${held} policies`}${copies > 1 ? ', packed, and as they are' : ''}`,
        bytes: held * copies * weights,
      },
      {
        what: `keys and values of ${rows} rollouts of ${longest} tokens`,
        bytes: rows * longest * size.cacheBytesPerToken,
      },
      { what: 'keys and values of shared prefixes', bytes: limits.generate.prefixCacheBytes },
    ],
    learner: [
      { what: 'weights', bytes: weights },
      { what: 'gradient', bytes: weights },
      ...(update.klWeight > 0 ? [{ what: 'weights of the reference', bytes: weights }] : []),
      ...(isLearntInPieces(model)
        ? ofPieces(
            model,
            Math.max(Math.min(update.tokenBudget, PREFERRED_TOKENS), longest),
            update.klWeight > 0,
            limits.learn,
          )
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

function ofPieces(
  model: ModelConfig,
  tokens: number,
  hasReference: boolean,
  { segments, updateBytes, momentsPiece }: LearnLimits,
): Part[] {
  const { kept, inner, pieces } = updateMemory(model, segments, tokens, hasReference);
  const layers = layersKept(model, segments, tokens, hasReference, updateBytes);
  const some = layers < model.layers ? `${layers} of ${model.layers}` : `all ${layers}`;
  return [
    {
      what: 'two moments, a piece at a time; all of them are in a file',
      bytes: 2 * momentsPiece * FLOAT_BYTES,
    },
    {
      what: `activations of ${tokens} tokens, those of ${some} layers kept (budget of the learner: ${gibibytes(updateBytes)})`,
      bytes: kept + layers * inner + pieces,
    },
  ];
}

export const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

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
