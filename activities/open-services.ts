import { join } from 'node:path';
import type { RunConfig } from '../contracts/config.js';
import type { InferenceEngine, Learner } from '../contracts/engine.js';
import { openInferenceEngine, openLearner } from '../policy/engine/open.js';
import { LocalArtifactStore } from '../store/local-artifact-store.js';
import type { Services } from './services.js';

type EngineSettings = RunConfig['engine'];

/**
 * The services of a worker process.
 * @param folder holds `store/` (artifacts) and `runs/` (readable records)
 */
export async function openServices(folder: string): Promise<Services & { close(): Promise<void> }> {
  return {
    store: await LocalArtifactStore.open(join(folder, 'store')),
    runsFolder: join(folder, 'runs'),
    ...engineServices(),
  };
}

/** Engine and learner processes, opened when first asked for. */
export function engineServices(): Pick<Services, 'engine' | 'learner'> & { close(): Promise<void> } {
  const engines = new Shared<InferenceEngine>((settings) => openInferenceEngine(settings));
  const learners = new Shared<Learner>(({ slots: _, chunk: __, ...settings }) => openLearner(settings));
  return {
    engine: (settings) => engines.get(settings),
    learner: (settings) => learners.get(settings),
    close: async () => {
      await Promise.all([engines.close(), learners.close()]);
    },
  };
}

/** One process per settings, opened when first asked for, shared by all activities: their requests share its slots. */
class Shared<T extends { close(): Promise<void> }> {
  readonly #opened = new Map<string, Promise<T>>();

  constructor(private readonly open: (settings: Partial<EngineSettings>) => T | Promise<T>) {}

  get({ threads, ...settings }: EngineSettings): Promise<T> {
    const wanted = threads === 0 ? settings : { ...settings, threads };
    const key = JSON.stringify(wanted);
    let opened = this.#opened.get(key);
    if (!opened) {
      opened = Promise.resolve(this.open(wanted));
      this.#opened.set(key, opened);
    }
    return opened;
  }

  async close(): Promise<void> {
    const all = await Promise.all(this.#opened.values());
    await Promise.all(all.map((one) => one.close()));
  }
}
