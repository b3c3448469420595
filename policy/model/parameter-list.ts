/** What parameters a model has: in which shapes, and of which Hugging Face tensors. */
import { type ModelConfig, qkvSize } from './config.js';

export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Hugging Face names; each holds `rows` outputs. */
  readonly from: readonly { readonly name: string; readonly outputs: number }[];
  /** Stored [out, in] by Hugging Face and transposed here. */
  readonly transposed: boolean;
}

/** Projections transposed to [in, out]. */
export function parameterList(config: ModelConfig): Parameter[] {
  const { hiddenSize: hidden, intermediateSize: ffn, vocabSize, headSize } = config;
  const queries = config.heads * headSize;
  const keys = config.kvHeads * headSize;
  const plain = (name: string, hf: string, shape: number[]): Parameter => ({
    name,
    shape,
    from: [{ name: hf, outputs: shape[0] }],
    transposed: false,
  });
  const list: Parameter[] = [plain('embedding', 'model.embed_tokens.weight', [vocabSize, hidden])];
  for (let i = 0; i < config.layers; i++) {
    const hf = `model.layers.${i}`;
    const qkv = [
      ['q_proj', queries],
      ['k_proj', keys],
      ['v_proj', keys],
    ] as const;
    list.push(plain(`layer${i}.inputNorm`, `${hf}.input_layernorm.weight`, [hidden]), {
      name: `layer${i}.qkv`,
      shape: [hidden, qkvSize(config)],
      from: qkv.map(([name, outputs]) => ({ name: `${hf}.self_attn.${name}.weight`, outputs })),
      transposed: true,
    });
    if (config.qkvBias) {
      list.push({
        name: `layer${i}.qkvBias`,
        shape: [qkvSize(config)],
        from: qkv.map(([name, outputs]) => ({ name: `${hf}.self_attn.${name}.bias`, outputs })),
        transposed: false,
      });
    }
    if (config.qkNorm) {
      list.push(
        plain(`layer${i}.queryNorm`, `${hf}.self_attn.q_norm.weight`, [headSize]),
        plain(`layer${i}.keyNorm`, `${hf}.self_attn.k_norm.weight`, [headSize]),
      );
    }
    list.push(
      {
        name: `layer${i}.output`,
        shape: [queries, hidden],
        from: [{ name: `${hf}.self_attn.o_proj.weight`, outputs: hidden }],
        transposed: true,
      },
      plain(`layer${i}.postNorm`, `${hf}.post_attention_layernorm.weight`, [hidden]),
      {
        name: `layer${i}.gateUp`,
        shape: [hidden, 2 * ffn],
        from: ['gate_proj', 'up_proj'].map((name) => ({ name: `${hf}.mlp.${name}.weight`, outputs: ffn })),
        transposed: true,
      },
      {
        name: `layer${i}.down`,
        shape: [ffn, hidden],
        from: [{ name: `${hf}.mlp.down_proj.weight`, outputs: hidden }],
        transposed: true,
      },
    );
  }
  list.push(plain('finalNorm', 'model.norm.weight', [hidden]));
  if (!config.tiedHead) {
    list.push({
      name: 'head',
      shape: [hidden, vocabSize],
      from: [{ name: 'lm_head.weight', outputs: vocabSize }],
      transposed: true,
    });
  }
  return list;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers of the model, each counted once. */
export const parameterCount = (config: ModelConfig): number =>
  parameterList(config).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
