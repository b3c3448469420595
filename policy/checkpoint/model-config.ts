/** config.json of Hugging Face -> ModelConfig. What our graphs can not compute is named, all of it at once. */
import { z } from 'zod';
import type { ModelConfig } from '../qwen2/config.js';

const positive = z.int().positive();

/** Keys of a dense Qwen2 model that matter to inference; others (token ids, training notes) are left alone. */
const Qwen2Json = z.object({
  model_type: z.string(),
  vocab_size: positive,
  hidden_size: positive,
  intermediate_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.optional(),
  head_dim: positive.nullish(),
  max_position_embeddings: positive,
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive().optional(),
  rope_scaling: z.unknown().optional(),
  rope_parameters: z.record(z.string(), z.unknown()).nullish(),
  hidden_act: z.string(),
  tie_word_embeddings: z.boolean().default(false),
  use_sliding_window: z.boolean().default(false),
});

export type ModelConfigResult =
  | { readonly config: ModelConfig }
  | { readonly problems: readonly { readonly path: string; readonly problem: string }[] };

const SUPPORTED_TYPES = ['qwen2'];
const DEFAULT_ROPE_THETA = 10_000;

export function parseModelConfig(json: unknown): ModelConfigResult {
  const parsed = Qwen2Json.safeParse(json);
  if (!parsed.success) {
    return { problems: parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), problem: message })) };
  }
  const keys = parsed.data;
  const heads = keys.num_attention_heads;
  const kvHeads = keys.num_key_value_heads ?? heads;
  const headSize = keys.head_dim ?? keys.hidden_size / heads;
  const ropeType = keys.rope_parameters?.['rope_type'] ?? 'default';
  const checks: [boolean, string, string][] = [
    [
      SUPPORTED_TYPES.includes(keys.model_type),
      'model_type',
      `"${keys.model_type}" is not supported; supported: ${SUPPORTED_TYPES.join(', ')}`,
    ],
    [keys.hidden_act === 'silu', 'hidden_act', `"${keys.hidden_act}" is not supported; supported: silu`],
    [keys.rope_scaling == null, 'rope_scaling', 'scaled rotary embeddings are not supported'],
    [ropeType === 'default', 'rope_parameters.rope_type', `${JSON.stringify(ropeType)} is not supported`],
    [!keys.use_sliding_window, 'use_sliding_window', 'sliding-window attention is not supported'],
    [heads % kvHeads === 0, 'num_key_value_heads', `${kvHeads} does not divide num_attention_heads (${heads})`],
    [Number.isInteger(headSize) && headSize % 2 === 0, 'hidden_size', `the size of a head (${headSize}) must be even`],
  ];
  const problems = checks.filter(([ok]) => !ok).map(([, path, problem]) => ({ path, problem }));
  if (problems.length > 0) return { problems };
  return {
    config: {
      vocabSize: keys.vocab_size,
      hiddenSize: keys.hidden_size,
      intermediateSize: keys.intermediate_size,
      layers: keys.num_hidden_layers,
      heads,
      kvHeads,
      headSize,
      ropeTheta: keys.rope_theta ?? Number(keys.rope_parameters?.['rope_theta'] ?? DEFAULT_ROPE_THETA),
      rmsNormEps: keys.rms_norm_eps,
      maxPositions: keys.max_position_embeddings,
      tiedHead: keys.tie_word_embeddings,
    },
  };
}
