import type { InferenceEngine, StandingLearner } from '../contracts/engine/engine.js';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import type { Verifier } from '../tasks/verifier.js';

/** What activities need of their process. Engines are opened on first use and shared by all activities of the process. */
export interface Services {
  readonly store: ArtifactStore;
  /** Folder with one folder of readable records per run. */
  readonly runsFolder: string;
  readonly engine: (settings: RunConfig['engine']) => Promise<InferenceEngine>;
  readonly learner: (settings: RunConfig['engine'], runtime: RunConfig['learner']) => Promise<StandingLearner>;
  /** @param module hash of the user's module, where there is one: with another content it is another verifier */
  readonly verifier: (settings: RunConfig['verifier'], module?: string) => Verifier;
}
