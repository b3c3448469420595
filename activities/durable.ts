import { canonicalJson } from '../contracts/canonical-json.js';
import { holdsAll } from './held.js';
import type { Services } from './services.js';

/** Goes into every key: a change of what activities compute from the same input must not find the old results. */
const CODE_VERSION = 2;

/**
 * Gives an activity a memory in the store: the same input gives the result of the first time. So an attempt that died
 * between its work and its answer, a reset run, or a second run with the same configuration computes nothing twice.
 */
export function durable<Input, Output extends object>(
  name: string,
  work: (services: Services, input: Input) => Promise<Output>,
): (services: Services) => (input: Input) => Promise<Output> {
  return (services) => async (input) => {
    const { store } = services;
    const key = canonicalJson({ name, version: CODE_VERSION, input });
    const known = (await store.recall(key)) as Output | undefined;
    if (known && (await holdsAll(store, known))) return known;
    const result = await work(services, input);
    await store.remember(key, result);
    return result;
  };
}

/** Runs the work and adds the seconds it took. */
export async function timed<T extends object>(work: () => Promise<T>): Promise<T & { seconds: number }> {
  const start = performance.now();
  const result = await work();
  return { ...result, seconds: Math.round(performance.now() - start) / 1000 };
}
