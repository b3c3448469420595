/** What a machine needs at least to sample: for the matrix products alone, and to read the weights once a step. */
import type { MeasuredModel } from './model.js';
import { readBandwidth } from './bandwidth.js';
import { matrixBytes, Products } from './products.js';

export interface LeastSeconds {
  readonly products: number;
  readonly reading: number;
}

/** Prompts are computed so many tokens at a time. */
const PROMPT_ROWS = 512;

/** @param works calls it with rollouts at once, tokens of different prompts in all, and new tokens of each rollout */
export async function leastSeconds(
  { config }: MeasuredModel,
  works: readonly { readonly rollouts: number; readonly promptTokens: number; readonly newTokens: number }[],
): Promise<LeastSeconds[]> {
  const reading = matrixBytes(config) / (await readBandwidth());
  const products = await Products.open(config);
  try {
    const promptSeconds = (await products.layerSeconds(PROMPT_ROWS)) / PROMPT_ROWS;
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
