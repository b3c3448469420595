/** Frequencies of the rotary embedding, in fp32 as transformers computes them, or angles at far positions drift apart. */
const { fround } = Math;

/** By the names and keys of Hugging Face's `rope_scaling`. */
export type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    };

export interface RopeShape {
  /** Even. */
  readonly headSize: number;
  readonly ropeTheta: number;
  /** Undefined: frequencies as they are. */
  readonly ropeScaling?: RopeScaling;
}

/** Radians per position, [headSize / 2]. */
export function ropeFrequencies({ headSize, ropeTheta, ropeScaling }: RopeShape): Float32Array {
  const scale = scalingOf(ropeScaling);
  return Float32Array.from({ length: headSize / 2 }, (_, i) =>
    scale(fround(1 / fround(ropeTheta ** fround((2 * i) / headSize)))),
  );
}

function scalingOf(scaling: RopeScaling | undefined): (frequency: number) => number {
  if (!scaling) return (frequency) => frequency;
  if (scaling.type === 'linear') return (frequency) => fround(frequency / scaling.factor);
  return (frequency) => llama3(frequency, scaling);
}

/** Short waves stay, long ones are stretched by the factor, those between get a mixture. */
function llama3(
  frequency: number,
  { factor, lowFreqFactor, highFreqFactor, originalMaxPositions }: Extract<RopeScaling, { type: 'llama3' }>,
): number {
  const wavelength = fround(fround(2 * Math.PI) / frequency);
  if (wavelength < originalMaxPositions / highFreqFactor) return frequency;
  if (wavelength > originalMaxPositions / lowFreqFactor) return fround(frequency / factor);
  const waves = fround(originalMaxPositions / wavelength);
  const share = fround(fround(waves - lowFreqFactor) / fround(highFreqFactor - lowFreqFactor));
  const stretched = fround(fround(fround(1 - share) * frequency) / factor);
  return fround(stretched + fround(share * frequency));
}
