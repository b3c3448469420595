/** Three iterations of each mode through a real Temporal server, with the null engine. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Services } from '../../activities/services.js';
import type { RunForm } from '../../contracts/config-form.js';
import type { IterationRecord } from '../../contracts/iteration-record.js';
import type { RunResult } from '../../contracts/run.js';
import { readTokenizer } from '../../policy/tokenizer.js';
import { getJson } from '../../store/json.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { writeCheckpoint } from '../support/checkpoint.js';
import { NullEngine, NullLearner } from '../support/null-engine.js';
import { Temporal, withFolder } from '../support/temporal.js';

const SMALL: RunForm = {
  iterations: 3,
  sampling: { problemsPerIteration: 6, responsesPerProblem: 4 },
  update: { miniBatchPaths: 32 },
  evaluation: { every: 2, problemsPerSet: 4, samplesPerProblem: 2, sets: ['short', 'long'] },
};

const MODES: Record<string, RunForm> = {
  'attnrl, one step off policy': { algorithm: 'attnrl' },
  'attnrl, on policy': { algorithm: 'attnrl', pipeline: 'on-policy' },
  treerl: { algorithm: 'treerl' },
  grpo: { algorithm: 'grpo' },
};

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

async function nullServices(folder: string): Promise<Services> {
  const engine = new NullEngine(await readTokenizer(join(folder, 'model')));
  return {
    store: await LocalArtifactStore.open(join(folder, 'store')),
    runsFolder: join(folder, 'runs'),
    engine: () => Promise.resolve(engine),
    learner: () => Promise.resolve(new NullLearner()),
  };
}

let runs = 0;

/** A run on a fresh store, so that nothing of an earlier one is found there. */
async function run<T>(form: RunForm, look: (result: RunResult, services: Services, id: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const model = await writeCheckpoint(join(folder, 'model'));
    const services = await nullServices(folder);
    return temporal.withWorkers(services, async (taskQueue) => {
      const workflowId = `run-${runs++}`;
      const result = await temporal.environment.client.workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
        workflowId,
        taskQueue,
        args: [{ ...SMALL, ...form, model }],
      });
      return look(result, services, workflowId);
    });
  });
}

describe.each(Object.entries(MODES))('%s', (_, mode) => {
  it('trains, records every iteration, and replays', async () => {
    await run(mode, async (result, services, id) => {
      expect(result.iterations).toBe(3);
      expect(result.after.mean).toBeGreaterThan(result.before.mean);

      const lines = (await readFile(join(result.runFolder, 'ledger.jsonl'), 'utf8')).trim().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as { iteration: number }).iteration)).toEqual([0, 1, 2]);
      const head = await getJson<IterationRecord>(services.store, result.ledger!);
      expect(head.policy.after).toEqual(result.policy);
      expect(head.previous).toBe((JSON.parse(lines[1]!) as { sha256: string }).sha256);

      for (const workflow of [id, `${id}/sample-1`, `${id}/learn-1`, `${id}/evaluate-0`]) await temporal.replay(workflow);
    });
  });
});
