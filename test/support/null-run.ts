/** Small runs of the whole workflow tree on the null engine. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { Services } from '../../services/services.js';
import type { RunForm } from '../../contracts/config/form.js';
import type { StandingLearner } from '../../contracts/engine/engine.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { readTokenizer } from '../../policy/model/tokenizer.js';
import { openVerifier } from '../../tasks/verifiers.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { writeCheckpoint } from './checkpoint.js';
import { NullEngine, NullLearner } from '../../tools/bench/null-engine.js';
import { withFolder, type Temporal } from './temporal.js';

const SMALL: RunForm = {
  iterations: 3,
  sampling: { problemsPerIteration: 6, responsesPerProblem: 4 },
  update: { miniBatchPaths: 32 },
  evaluation: { every: 2, problemsPerSet: 4, samplesPerProblem: 2, sets: ['short', 'long'] },
};

/** One checkpoint per test process: its path is part of the configuration, hence of the ledger. */
const checkpoint = writeCheckpoint(mkdtempSync(join(tmpdir(), 'attnrl-model-')));

export async function nullServices(
  folder: string,
  learner: () => StandingLearner = () => new NullLearner(),
): Promise<Services> {
  const engine = new NullEngine(await readTokenizer(await checkpoint));
  return {
    store: await LocalArtifactStore.open(join(folder, 'store')),
    runsFolder: join(folder, 'runs'),
    engine: () => Promise.resolve(engine),
    learner: () => Promise.resolve(learner()),
    verifier: openVerifier,
  };
}

export async function smallForm(form: RunForm): Promise<RunForm> {
  return { ...SMALL, model: await checkpoint, ...form };
}

export interface FinishedRun {
  readonly workflowId: string;
  readonly result: RunResult;
  readonly services: Services;
}

let runs = 0;

/** Runs to the end on a fresh store, so that nothing of an earlier run is found there, then looks while workers still serve. `during` acts on it meanwhile. */
export async function nullRun<T>(
  temporal: Temporal,
  form: RunForm,
  look: (run: FinishedRun) => Promise<T>,
  learner?: () => StandingLearner,
  during?: (handle: WorkflowHandle, services: Services) => Promise<unknown>,
): Promise<T> {
  return withFolder(async (folder) => {
    const services = await nullServices(folder, learner);
    return temporal.withWorkers(services, async (taskQueue) => {
      const workflowId = `run-${runs++}`;
      const { workflow } = temporal.environment.client;
      const handle = await workflow.start<(form: RunForm) => Promise<RunResult>>('training', {
        workflowId,
        taskQueue,
        args: [await smallForm(form)],
      });
      const [result] = await Promise.all([handle.result(), during?.(handle, services)]);
      return look({ workflowId, result, services });
    });
  });
}
