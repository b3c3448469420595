/** Published models: what decides their shape and their defaults, so that a plan can be made without the files. */
import { basename } from 'node:path';
import { factsOf } from '../../services/input/model-facts.js';
import type { ModelFacts } from '../../contracts/config/model-defaults.js';
import { parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import type { ModelConfig } from '../../policy/model/config.js';

/** Keys of config.json. */
const DEEPSEEK_R1_DISTILL_QWEN_1_5B = {
  model_type: 'qwen2',
  hidden_act: 'silu',
  vocab_size: 151_936,
  hidden_size: 1536,
  intermediate_size: 8960,
  num_hidden_layers: 28,
  num_attention_heads: 12,
  num_key_value_heads: 2,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: false,
};

const KNOWN_MODELS: Readonly<
  Record<string, { readonly config: object; readonly thinks: boolean; readonly chats: boolean }>
> = {
  'DeepSeek-R1-Distill-Qwen-1.5B': { config: DEEPSEEK_R1_DISTILL_QWEN_1_5B, thinks: true, chats: true },
};

/** The published model of a directory's name. */
export function publishedModel(directory: string): { config: ModelConfig; facts: ModelFacts } | undefined {
  const known = KNOWN_MODELS[basename(directory)];
  const parsed = known && parseModelConfig(known.config);
  return parsed && 'config' in parsed ? { config: parsed.config, facts: factsOf(parsed.config, known) } : undefined;
}
