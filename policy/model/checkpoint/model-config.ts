/** config.json of Hugging Face -> ModelConfig. What our graphs cannot compute is named, all of it at once. */
import { z } from 'zod';
import type { ModelConfig } from '../config.js';
import type { CheckpointProblem } from './invalid-checkpoint.js';
import { parseRope, ropeJson } from './rope-config.js';

const positive = z.int().positive();

/** Sizes of a dense model; what else matters is looked at below, and the rest (token ids, training notes) left alone. */
const Sizes = z.object({
  vocab_size: positive,
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.nullish(),
  head_dim: positive.nullish(),
  max_position_embeddings: positive,
  rms_norm_eps: z.number().positive(),
  tie_word_embeddings: z.boolean().default(false),
});

/** What a `model_type` means. */
interface Family {
  readonly qkvBias: boolean;
  readonly qkNorm: boolean;
  /** Where config.json has no `head_dim`; undefined: the hidden size is divided among the heads. */
  readonly headSize?: number;
}

const FAMILIES: Readonly<Record<string, Family>> = {
  qwen2: { qkvBias: true, qkNorm: false },
  qwen3: { qkvBias: false, qkNorm: true, headSize: 128 },
  llama: { qkvBias: false, qkNorm: false },
};

/** Keys that, given otherwise than as listed, change what the model computes. null is as good as absent. */
const FIXED: readonly (readonly [key: string, value: unknown, problem: string])[] = [
  ['hidden_act', 'silu', 'only "silu" is supported'],
  ['use_sliding_window', false, 'sliding-window attention is not supported'],
  ['attention_bias', false, 'biases of the attention projections are not supported'],
  ['mlp_bias', false, 'biases of the feed-forward network are not supported'],
  ['quantization_config', undefined, 'quantised weights are not supported'],
];

export type ModelConfigResult = { readonly config: ModelConfig } | { readonly problems: readonly CheckpointProblem[] };

export function parseModelConfig(json: unknown): ModelConfigResult {
  const keys = z.record(z.string(), z.unknown()).safeParse(json);
  if (!keys.success) return { problems: [{ path: '', problem: 'is not an object' }] };
  const sizes = Sizes.safeParse(json);
  const family = familyOf(keys.data);
  const rope = parseRope(keys.data, sizes.data?.max_position_embeddings ?? 1);
  const problems: CheckpointProblem[] = [
    ...family.problems,
    ...(sizes.error?.issues ?? []).map(({ path, message }) => ({ path: path.join('.'), problem: message })),
    ...('problems' in rope ? rope.problems : []),
    ...unsupported(keys.data),
  ];
  if (!sizes.success || !family.known || 'problems' in rope) return { problems };
  const { qkvBias, qkNorm, headSize } = family.known;
  const heads = sizes.data.num_attention_heads;
  const config: ModelConfig = {
    vocabSize: sizes.data.vocab_size,
    hiddenSize: sizes.data.hidden_size,
    intermediateSize: sizes.data.intermediate_size,
    layers: sizes.data.num_hidden_layers,
    heads,
    kvHeads: sizes.data.num_key_value_heads ?? heads,
    headSize: sizes.data.head_dim ?? headSize ?? sizes.data.hidden_size / heads,
    ...rope.rope,
    rmsNormEps: sizes.data.rms_norm_eps,
    maxPositions: sizes.data.max_position_embeddings,
    qkvBias,
    qkNorm,
    tiedHead: sizes.data.tie_word_embeddings,
  };
  problems.push(...impossible(config));
  return problems.length > 0 ? { problems } : { config };
}

/** A config.json by which the same model is read: the inverse, without what does not decide its shape. */
export function modelConfigJson(model: ModelConfig): Readonly<Record<string, unknown>> {
  const family = Object.entries(FAMILIES).find(
    ([, { qkvBias, qkNorm }]) => qkvBias === model.qkvBias && qkNorm === model.qkNorm,
  );
  if (!family) throw new RangeError('no family has both biases and norms of queries and keys');
  return {
    model_type: family[0],
    hidden_act: 'silu',
    vocab_size: model.vocabSize,
    hidden_size: model.hiddenSize,
    intermediate_size: model.intermediateSize,
    num_hidden_layers: model.layers,
    num_attention_heads: model.heads,
    num_key_value_heads: model.kvHeads,
    head_dim: model.headSize,
    max_position_embeddings: model.maxPositions,
    rms_norm_eps: model.rmsNormEps,
    ...ropeJson(model),
    tie_word_embeddings: model.tiedHead,
  };
}

function familyOf(json: Readonly<Record<string, unknown>>): { known?: Family; problems: CheckpointProblem[] } {
  const type = json['model_type'];
  if (typeof type === 'string' && Object.hasOwn(FAMILIES, type)) return { known: FAMILIES[type], problems: [] };
  const problem = `${JSON.stringify(type)} is not supported; supported: ${Object.keys(FAMILIES).join(', ')}`;
  return { problems: [{ path: 'model_type', problem }] };
}

function unsupported(json: Readonly<Record<string, unknown>>): CheckpointProblem[] {
  const problems = FIXED.filter(([key, value]) => json[key] != null && json[key] !== value).map(
    ([path, , problem]) => ({ path, problem: `${shown(json[path])}: ${problem}` }),
  );
  const layerTypes = json['layer_types'];
  const others = Array.isArray(layerTypes) ? [...new Set(layerTypes)].filter((type) => type !== 'full_attention') : [];
  if (others.length > 0) {
    problems.push({
      path: 'layer_types',
      problem: `${others.map(shown).join(', ')}: only "full_attention" is supported`,
    });
  }
  return problems;
}

function impossible({ heads, kvHeads, headSize }: ModelConfig): CheckpointProblem[] {
  const checks: [boolean, string, string][] = [
    [heads % kvHeads === 0, 'num_key_value_heads', `${kvHeads} does not divide num_attention_heads (${heads})`],
    [Number.isInteger(headSize) && headSize % 2 === 0, 'hidden_size', `the size of a head (${headSize}) must be even`],
  ];
  return checks.filter(([ok]) => !ok).map(([, path, problem]) => ({ path, problem }));
}

const shown = (value: unknown): string => (typeof value === 'object' ? 'given' : JSON.stringify(value));
