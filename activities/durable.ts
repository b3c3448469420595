import { createHash } from 'node:crypto';
import { canonicalJson } from '../contracts/canonical-json.js';
import type { Services } from './services.js';

/** Goes into every key: a change of what activities compute from the same input must not find the old results. */
const CODE_VERSION = 1;

/**
 * Gives an activity a memory in the store: the same input gives the result of the first time. So an attempt that died
 * between its work and its answer, a reset run, or a second run with the same configuration computes nothing twice.
 */
export function durable<Input, Output extends object>(
  name: string,
  work: (services: Services, input: Input) => Promise<Output>,
): (services: Services) => (input: Input) => Promise<Output> {
  return (services) => async (input) => {
    const key = createHash('sha256').update(canonicalJson({ name, CODE_VERSION, input })).digest('hex');
    const known = await services.store.recall(key);
    if (known) return known as Output;
    const result = await work(services, input);
    await services.store.remember(key, result);
    return result;
  };
}

/** Runs the work and adds the seconds it took. */
export async function timed<T extends object>(work: () => Promise<T>): Promise<T & { seconds: number }> {
  const start = performance.now();
  const result = await work();
  return { ...result, seconds: Math.round(performance.now() - start) / 1000 };
}
