/**
 * What a machine needs at least: for the matrix products alone, or to read the weights once a step. Asked for in turn with what
 * is measured by it, since a machine's rates change from minute to minute; memory is let go in between.
 */
import type { MeasuredModel } from './model.js';
import { readBandwidth } from './bandwidth.js';
import { matrixBytes, Products } from './products.js';

/** Prompts, and what is scored, are computed so many tokens at a time. */
const ROWS = 512;

export interface Sampled {
  /** At once. */
  readonly rollouts: number;
  /** In all; what several prompts begin with counts once. */
  readonly promptTokens: number;
  /** Of each rollout. */
  readonly newTokens: number;
}

/** Of all products with weights. */
export async function samplingProductSeconds(
  { config }: MeasuredModel,
  { rollouts, promptTokens, newTokens }: Sampled,
): Promise<number> {
  return withProducts(config, async (products) => {
    const prompts = ((await products.layerSeconds(ROWS)) / ROWS) * promptTokens;
    // The first token comes out of the prompt.
    return (
      prompts +
      (newTokens - 1) * (await products.layerSeconds(rollouts)) +
      newTokens * (await products.headSeconds(rollouts))
    );
  });
}

export async function readingSeconds({ config }: MeasuredModel, { newTokens }: Sampled): Promise<number> {
  return newTokens * (matrixBytes(config) / (await readBandwidth()));
}

export interface Scored {
  readonly sequences: number;
  /** Of each. */
  readonly length: number;
  /** Whose logits are computed, of all sequences. */
  readonly wanted: number;
}

/** Of all products, those of attention among them. */
export async function scoringProductSeconds(
  { config }: MeasuredModel,
  { sequences, length, wanted }: Scored,
): Promise<number> {
  return withProducts(config, async (products) => {
    const matrices = sequences * length * (await products.layerSeconds(ROWS));
    const head = wanted * (await products.headSeconds(ROWS));
    return (matrices + head) / ROWS + (await products.attentionSeconds(sequences, length));
  });
}

async function withProducts(
  config: MeasuredModel['config'],
  measure: (products: Products) => Promise<number>,
): Promise<number> {
  const products = await Products.open(config);
  try {
    return await measure(products);
  } finally {
    await products.close();
  }
}
