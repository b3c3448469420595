import { canonicalJson } from '../contracts/artifacts/canonical-json.js';
import { withHeartbeats } from './heartbeat.js';
import { boundFailures, retryWhileStoreIsAway } from './failures.js';
import { Journal } from './journal.js';
import { allPresent } from './all-present.js';
import type { ArtifactStore } from '../store/artifact-store.js';

/** Goes into every key: a change of what activities compute from the same input must not find the old results. */
const CODE_VERSION = 5;

/**
 * Gives an activity a memory in the store: the same input gives the result of the first time. So an attempt that died
 * between its work and its answer, a reset run, or a second run with the same configuration computes nothing twice.
 * @param work may note its progress in the journal, and finds there what earlier attempts noted
 */
export function durable<Services extends { readonly store: ArtifactStore }, Input, Output extends object>(
  name: string,
  work: (services: Services, input: Input, journal: Journal) => Promise<Output>,
): (services: Services) => (input: Input) => Promise<Output> {
  return (services) => {
    const running = new Map<string, Promise<Output>>();
    return async (input) => {
      const key = canonicalJson({ name, version: CODE_VERSION, input });
      // An attempt that the server gave up may still run here: it hears of it soon, and leaves what it has.
      for (let other = running.get(key); other; other = running.get(key)) {
        await withHeartbeats(
          'wait for the attempt before',
          other.catch(() => undefined),
        );
      }
      const attempt = once(services, input, key).finally(() => running.delete(key));
      running.set(key, attempt);
      return attempt;
    };
  };

  async function once(services: Services, input: Input, key: string): Promise<Output> {
    const { store } = services;
    const known = (await store.recall(key)) as Output | undefined;
    if (known && (await allPresent(store, known))) return known;
    const journal = new Journal(store, key);
    const result = await boundFailures(store, key, journal, () => work(services, input, journal));
    await retryWhileStoreIsAway(() => store.remember(key, result));
    await journal.forget();
    return result;
  }
}

/** Runs the work and adds the seconds it took. */
export async function timed<T extends object>(work: () => Promise<T>): Promise<T & { seconds: number }> {
  const start = performance.now();
  const result = await work();
  return { ...result, seconds: Math.round(performance.now() - start) / 1000 };
}
