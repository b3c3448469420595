/**
 * Parameters as our graphs use them: projections transposed to [in, out]; q, k, v and gate, up fused column-wise.
 * `from` names the Hugging Face tensors ([out, in]) that a parameter is put together from, in order.
 */
import { type ModelConfig, qkvSize } from './config.js';

export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Hugging Face names; each holds `rows` outputs. */
  readonly from: readonly { readonly name: string; readonly outputs: number }[];
  /** Stored [out, in] by Hugging Face and transposed here. */
  readonly transposed: boolean;
}

export function parameters(config: ModelConfig): Parameter[] {
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

/** Values by parameter name, in our layout. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** Hugging Face tensors -> our layout. @param read gives a tensor [out, in] or [out] as fp32. */
export function fromHuggingFace(config: ModelConfig, read: (name: string) => Float32Array): Map<string, Float32Array> {
  return new Map(
    parameters(config).map((parameter) => {
      const size = parameter.shape.reduce((a, b) => a * b, 1);
      const out = new Float32Array(size);
      let offset = 0;
      const width = parameter.shape.at(-1)!;
      for (const { name, outputs } of parameter.from) {
        const source = read(name);
        if (parameter.transposed) {
          const inputs = source.length / outputs;
          for (let o = 0; o < outputs; o++) {
            for (let i = 0; i < inputs; i++) out[i * width + offset + o] = source[o * inputs + i]!;
          }
          offset += outputs;
        } else {
          out.set(source, offset);
          offset += source.length;
        }
      }
      return [parameter.name, out];
    }),
  );
}

/** Shape of every Hugging Face tensor of the model. */
export function toHuggingFaceShapes(config: ModelConfig): Map<string, readonly number[]> {
  return new Map(
    parameters(config).flatMap(({ shape, from, transposed }) =>
      from.map(({ name, outputs }) => [name, transposed ? [outputs, shape[0]] : [outputs, ...shape.slice(1)]] as const),
    ),
  );
}

/** Our layout -> Hugging Face tensors with their shapes. */
export function toHuggingFace(
  config: ModelConfig,
  weights: Weights,
): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const result = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const parameter of parameters(config)) {
    const source = weights.get(parameter.name)!;
    const width = parameter.shape.at(-1)!;
    let offset = 0;
    for (const { name, outputs } of parameter.from) {
      if (parameter.transposed) {
        const inputs = parameter.shape[0];
        const data = new Float32Array(outputs * inputs);
        for (let o = 0; o < outputs; o++) {
          for (let i = 0; i < inputs; i++) data[o * inputs + i] = source[i * width + offset + o]!;
        }
        result.set(name, { shape: [outputs, inputs], data });
        offset += outputs;
      } else {
        const shape = [outputs, ...parameter.shape.slice(1)];
        const length = shape.reduce((a, b) => a * b, 1);
        result.set(name, { shape, data: source.slice(offset, offset + length) });
        offset += length;
      }
    }
  }
  return result;
}
