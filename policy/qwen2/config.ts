/** Shape of a Qwen2-family model, from the keys of Hugging Face's config.json. */
export interface ModelConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly ropeTheta: number;
  readonly rmsNormEps: number;
  readonly maxPositions: number;
  /** The output head is the transposed embedding. */
  readonly tiedHead: boolean;
  /** Handled as a large model (`large.ts`); left out: by its size. */
  readonly large?: boolean;
}

/** Query heads that share one key/value head. */
export const groupSize = ({ heads, kvHeads }: ModelConfig): number => heads / kvHeads;

/** Width of the fused query, key and value projection. */
export const qkvSize = ({ heads, kvHeads, headSize }: ModelConfig): number => (heads + 2 * kvHeads) * headSize;

/** Factor on query-key products. */
export const attentionScale = ({ headSize }: ModelConfig): number => 1 / Math.sqrt(headSize);

/** cos and sin of position * frequency: [positions, headSize / 2] each. */
export function ropeCaches(config: ModelConfig, positions: number): { cos: Float32Array; sin: Float32Array } {
  const half = config.headSize / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let i = 0; i < half; i++) {
    // transformers computes the frequencies in fp32; so do we, or angles at far positions drift apart
    const frequency = Math.fround(1 / Math.fround(config.ropeTheta ** Math.fround((2 * i) / config.headSize)));
    for (let p = 0; p < positions; p++) {
      const angle = Math.fround(p * frequency);
      cos[p * half + i] = Math.cos(angle);
      sin[p * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
