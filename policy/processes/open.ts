/** How the rest of the project gets an engine: as processes of its own. */
import { fileURLToPath } from 'node:url';
import { availableParallelism } from 'node:os';
import type { LearnerSettings } from './child-learner.js';
import type { EngineSettings } from './settings.js';
import { ShardedInferenceEngine } from './sharded-engine.js';
import { LearnerGroup } from './learner-group.js';

const DEFAULTS: EngineSettings = { slots: 384, chunk: 16, threads: availableParallelism() };

/** The child runs compiled code also where this file is run from its source (tests). */
function entry(name: string): string {
  const here = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  return here.includes('/dist') ? here : here.replace('/policy/processes/', '/dist/policy/processes/');
}

export function openInferenceEngine(settings: Partial<EngineSettings> = {}): ShardedInferenceEngine {
  return new ShardedInferenceEngine(entry('main'), { ...DEFAULTS, ...settings });
}

export function openLearner(settings: Partial<LearnerSettings> = {}): LearnerGroup {
  return new LearnerGroup(entry('learner-main'), { runtime: 'onnx', threads: DEFAULTS.threads, ...settings });
}
