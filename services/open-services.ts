import { join } from 'node:path';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { LearnerSettings } from '../policy/processes/child-learner.js';
import { openInferenceEngine, openLearner } from '../policy/processes/open.js';
import type { EngineSettings } from '../policy/processes/settings.js';
import type { ShardedInferenceEngine } from '../policy/processes/sharded-engine.js';
import type { LearnerGroup } from '../policy/processes/learner-group.js';
import type { Limits } from '../policy/limits.js';
import { LocalArtifactStore } from '../store/local-artifact-store.js';
import { openVerifier } from '../tasks/verifiers.js';
import type { Services } from './services.js';

interface VerifierKey {
  readonly settings: RunConfig['verifier'];
  readonly module: string | undefined;
}

/** By engine: milliseconds for which it has not answered; undefined while its process does not run. */
export type EngineSilence = Readonly<Record<string, number | undefined>>;

export interface OpenedServices extends Services {
  readonly silence: () => EngineSilence;
  close(): Promise<void>;
}

/**
 * The services of a worker process.
 * @param folder holds `store/` (artifacts) and `runs/` (readable records)
 * @param limits of engines and learners; left out: theirs
 */
export async function openServices(folder: string, limits?: Limits): Promise<OpenedServices> {
  return {
    store: await LocalArtifactStore.open(join(folder, 'store')),
    runsFolder: join(folder, 'runs'),
    ...engineServices(join(folder, 'scratch'), limits),
  };
}

/**
 * Engine, learner and verifier processes, opened when first asked for.
 * @param scratch folder for what a learner puts out of memory; left out: the system's for temporary files
 */
export function engineServices(scratch?: string, limits?: Limits): Omit<OpenedServices, 'store' | 'runsFolder'> {
  const engines = new Shared<Partial<EngineSettings>, ShardedInferenceEngine>((settings) =>
    openInferenceEngine({ ...settings, ...(limits && { limits }) }),
  );
  const learners = new Shared<Partial<LearnerSettings>, LearnerGroup>((settings) =>
    openLearner({ ...settings, ...(limits && { limits }) }),
  );
  const verifiers = new Shared(({ settings, module }: VerifierKey) => openVerifier(settings, module));
  return {
    engine: (settings) => Promise.resolve(engines.get(chosen(settings))),
    learner: (settings, runtime) => {
      const { slots: _, chunk: __, weights: ___, ...rest } = chosen(settings);
      return Promise.resolve(learners.get({ ...rest, runtime, ...(scratch === undefined ? {} : { scratch }) }));
    },
    verifier: (settings, module) => verifiers.get({ settings, module }),
    silence: () => ({ ...silenceOf('engine', engines), ...silenceOf('learner', learners) }),
    close: async () => {
      await Promise.all([engines.close(), learners.close(), verifiers.close()]);
    },
  };
}

/** 0 threads leave the choice to the engine. */
function chosen({ threads, ...settings }: RunConfig['engine']): Partial<EngineSettings> {
  return threads === 0 ? settings : { ...settings, threads };
}

/** Has processes of its own. */
interface Closable {
  readonly busy: boolean;
  /** Ends the processes; the next call starts others. */
  close(): Promise<void>;
}

/** One per settings, opened when first asked for, shared by all activities: their requests share its slots. */
class Shared<Settings, T extends Closable> {
  /** By settings, as JSON. */
  readonly opened = new Map<string, T>();
  /** Those whose processes may run. */
  readonly #running = new Set<T>();

  constructor(private readonly open: (settings: Settings) => T) {}

  get(settings: Settings): T {
    const key = JSON.stringify(settings);
    const asked = this.opened.get(key) ?? this.open(settings);
    this.opened.set(key, asked);
    if (!this.#running.has(asked)) this.#closeIdle();
    this.#running.add(asked);
    return asked;
  }

  /**
   * Before another one starts: memory is for those in use, and for the newest. Who holds one of the closed and calls it starts it
   * again; a learner's policy would be lost, but a worker's updates come one after the other.
   */
  #closeIdle(): void {
    for (const one of this.opened.values()) {
      if (one.busy) continue;
      this.#running.delete(one);
      void one.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.opened.values()].map((one) => one.close()));
  }
}

function silenceOf(
  name: string,
  { opened }: { readonly opened: ReadonlyMap<string, { silence(): number | undefined }> },
): EngineSilence {
  return Object.fromEntries([...opened].map(([settings, one]) => [`${name} ${settings}`, one.silence()]));
}
