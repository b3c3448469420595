/** What a machine needs at least: to sample, for the matrix products alone and to read the weights once a step; to score. */
import type { MeasuredModel } from './model.js';
import { readBandwidth } from './bandwidth.js';
import { matrixBytes, Products } from './products.js';

export interface LeastSeconds {
  readonly products: number;
  readonly reading: number;
}

/** Prompts, and what is scored, are computed so many tokens at a time. */
const ROWS = 512;

/** @param works calls it with rollouts at once, tokens of different prompts in all, and new tokens of each rollout */
export async function leastSeconds(
  { config }: MeasuredModel,
  works: readonly { readonly rollouts: number; readonly promptTokens: number; readonly newTokens: number }[],
): Promise<LeastSeconds[]> {
  const reading = matrixBytes(config) / (await readBandwidth());
  const products = await Products.open(config);
  try {
    const promptSeconds = (await products.layerSeconds(ROWS)) / ROWS;
    const least: LeastSeconds[] = [];
    for (const { rollouts, promptTokens, newTokens } of works) {
      const layers = await products.layerSeconds(rollouts);
      const head = await products.headSeconds(rollouts);
      // The first token comes out of the prompt.
      const steps = (newTokens - 1) * layers + newTokens * head;
      least.push({ products: promptTokens * promptSeconds + steps, reading: newTokens * reading });
    }
    return least;
  } finally {
    await products.close();
  }
}

/** @param wanted tokens whose logits are computed */
export async function scoreProductSeconds({ config }: MeasuredModel, tokens: number, wanted: number): Promise<number> {
  const products = await Products.open(config);
  try {
    const [layers, head] = [await products.layerSeconds(ROWS), await products.headSeconds(ROWS)];
    return (tokens * layers + wanted * head) / ROWS;
  } finally {
    await products.close();
  }
}
