/** config.json of published models, as far as it decides their shape: so that a plan can be made without the files. */
export const KNOWN_MODELS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'DeepSeek-R1-Distill-Qwen-1.5B': {
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
  },
};
