import { join } from 'node:path';
import type { RunConfig } from '../contracts/config.js';
import type { ChildLearner } from '../policy/engine/child-learner.js';
import { openInferenceEngine, openLearner } from '../policy/engine/open.js';
import type { ShardedInferenceEngine } from '../policy/engine/sharded-engine.js';
import { LocalArtifactStore } from '../store/local-artifact-store.js';
import type { Services } from './services.js';

type EngineSettings = RunConfig['engine'];

/** By engine: milliseconds for which it has not answered; undefined while its process does not run. */
export type EngineSilence = Readonly<Record<string, number | undefined>>;

export interface OpenedServices extends Services {
  readonly silence: () => EngineSilence;
  close(): Promise<void>;
}

/**
 * The services of a worker process.
 * @param folder holds `store/` (artifacts) and `runs/` (readable records)
 */
export async function openServices(folder: string): Promise<OpenedServices> {
  return {
    store: await LocalArtifactStore.open(join(folder, 'store')),
    runsFolder: join(folder, 'runs'),
    ...engineServices(join(folder, 'scratch')),
  };
}

/**
 * Engine and learner processes, opened when first asked for.
 * @param scratch folder for what a learner puts out of memory; left out: the system's for temporary files
 */
export function engineServices(scratch?: string): Omit<OpenedServices, 'store' | 'runsFolder'> {
  const engines = new Shared<ShardedInferenceEngine>((settings) => openInferenceEngine(settings));
  const learners = new Shared<ChildLearner>(({ slots: _, chunk: __, weights: ___, ...settings }) =>
    openLearner({ ...settings, ...(scratch === undefined ? {} : { scratch }) }),
  );
  return {
    engine: (settings) => engines.get(settings),
    learner: (settings) => learners.get(settings),
    silence: () => ({ ...engines.silence('engine'), ...learners.silence('learner') }),
    close: async () => {
      await Promise.all([engines.close(), learners.close()]);
    },
  };
}

/** One process per settings, opened when first asked for, shared by all activities: their requests share its slots. */
class Shared<T extends { close(): Promise<void>; silence(): number | undefined }> {
  readonly #opened = new Map<string, T>();

  constructor(private readonly open: (settings: Partial<EngineSettings>) => T) {}

  get({ threads, ...settings }: EngineSettings): Promise<T> {
    const wanted = threads === 0 ? settings : { ...settings, threads };
    const key = JSON.stringify(wanted);
    let opened = this.#opened.get(key);
    if (!opened) {
      opened = this.open(wanted);
      this.#opened.set(key, opened);
    }
    return Promise.resolve(opened);
  }

  silence(name: string): EngineSilence {
    const all = [...this.#opened].map(([settings, one]) => [`${name} ${settings}`, one.silence()]);
    return Object.fromEntries(all) as EngineSilence;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened.values()].map((one) => one.close()));
  }
}
