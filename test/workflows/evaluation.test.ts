/** Evaluations of a model by themselves, on a real Temporal server with the null engine. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Services } from '../../services/services.js';
import type { RunForm } from '../../contracts/config/form.js';
import type { InferenceEngine, RolloutRequest } from '../../contracts/engine/engine.js';
import type { ModelEvaluation, RunResult } from '../../contracts/protocol/run.js';
import { getJson } from '../../store/json.js';
import { Gates } from '../support/gated-learner.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { currentDetails } from '../support/steer.js';
import { Temporal, withFolder } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

const FORM: RunForm = {
  evaluation: { sets: ['short', 'long'], problemsPerSet: 10, samplesPerProblem: 2, samplesBySet: { long: 6 } },
};

let runs = 0;

async function evaluateModel(services: Services, form: RunForm): Promise<ModelEvaluation> {
  const args: [RunForm] = [await smallForm(form)];
  return temporal.withWorkers(services, (taskQueue) =>
    temporal.environment.client.workflow.execute<(form: RunForm) => Promise<ModelEvaluation>>('evaluateModel', {
      workflowId: `evaluation-${runs++}`,
      taskQueue,
      args,
    }),
  );
}

/** Counts what is asked of the engine; may fail at a call. */
async function watched(
  services: Services,
  fail: (call: number) => boolean = () => false,
  failure: Error = new Error('the accelerator was taken away'),
) {
  const engine = await services.engine({ slots: 1, chunk: 16, threads: 1 });
  const asked: RolloutRequest[][] = [];
  const generate: InferenceEngine['generate'] = (id, requests, options) => {
    if (!options?.background) return engine.generate(id, requests, options);
    if (fail(asked.push([...requests]))) throw failure;
    return engine.generate(id, requests, options);
  };
  const wrapped: InferenceEngine = {
    load: (policy) => engine.load(policy),
    generate,
    score: (...call) => engine.score(...call),
    close: () => engine.close(),
  };
  return { asked, services: { ...services, engine: () => Promise.resolve(wrapped) } };
}

describe('evaluateModel', () => {
  it('tells avg@k with its interval, pass@k, length and what was cut off, set by set', async () => {
    await withFolder(async (folder) => {
      const services = await nullServices(folder);
      const { sets, summary, interval } = await evaluateModel(services, FORM);
      expect(sets).toMatchObject([
        { set: 'short', problems: 10, samplesPerProblem: 2, skippedPrompts: 0, truncated: 0 },
        { set: 'long', problems: 10, samplesPerProblem: 6, skippedPrompts: 0, truncated: 0 },
      ]);
      for (const set of sets) {
        const [low, high] = set.interval;
        expect(low).toBeLessThan(set.accuracy);
        expect(high).toBeGreaterThan(set.accuracy);
        expect(set.passAtK).toBeGreaterThan(set.accuracy);
        expect(set.meanLength).toBeGreaterThan(10);
      }
      expect(summary.mean).toBeCloseTo((sets[0].accuracy + sets[1].accuracy) / 2, 6);
      expect(interval[0]).toBeLessThan(summary.mean);
      const kept = await getJson<{ sets: { passAt: Record<string, number>; correct: unknown[] }[] }>(
        services.store,
        summary.evaluation,
      );
      expect(Object.keys(kept.sets[1].passAt)).toEqual(['1', '2', '4', '6']);
      expect(kept.sets[1].correct).toHaveLength(10);
    });
  });

  it('says the same however it is sharded', async () => {
    const whole = await withFolder(async (folder) => evaluateModel(await nullServices(folder), FORM));
    const sharded = await withFolder(async (folder) => {
      const { asked, services } = await watched(await nullServices(folder));
      const result = await evaluateModel(services, { ...FORM, distribution: { rolloutsPerShard: 7 } });
      expect(asked.length).toBe(3 + 9); // 20 and 60 samples by 7
      return result;
    });
    expect(sharded.sets).toEqual(whole.sets);
    expect(sharded.interval).toEqual(whole.interval);
  });

  it('repeats only the shard that failed, and nothing at all when it is asked for again', async () => {
    await withFolder(async (folder) => {
      const { asked, services } = await watched(await nullServices(folder), (call) => call === 2);
      const form = { ...FORM, distribution: { rolloutsPerShard: 20 } };
      const first = await evaluateModel(services, form);
      expect(asked.length).toBe(1 + 3 + 1);
      const rollouts = asked.flat().map(({ uniforms }) => JSON.stringify(uniforms));
      expect(new Set(rollouts).size).toBe(80);
      expect(await evaluateModel(services, form)).toEqual(first);
      expect(asked.length).toBe(5);
    });
  });

  it('takes files of problems, with nothing to train on', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'sums.jsonl');
      await writeFile(file, '{"prompt": "e:4+1;e?", "groundTruth": ["5"]}\n{"prompt": "e:4+2;e?", "groundTruth": 6}\n');
      const task = { name: 'files', options: { evaluation: { sums: file } } };
      const services = await nullServices(folder);
      const { sets } = await evaluateModel(services, { task, evaluation: { samplesPerProblem: 8 } });
      expect(sets).toMatchObject([{ set: 'sums', problems: 2, samplesPerProblem: 8 }]);
      expect(sets[0].passAtK).toBe(1);
      await writeFile(file, '{"prompt": "e:4+1;e?", "groundTruth": "no number"}\n');
      const changed = await evaluateModel(services, { task, evaluation: { samplesPerProblem: 8 } });
      expect(changed.sets).toMatchObject([{ set: 'sums', problems: 1, passAtK: 0 }]);
    });
  });

  it('refuses what cannot be evaluated: sets that are not there, chats without a template', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'chats.jsonl');
      await writeFile(file, '{"problem": "1+1?", "answer": "2"}\n');
      const services = await nullServices(folder);
      const refused = async (form: RunForm): Promise<string> => {
        const error: unknown = await evaluateModel(services, form).catch((e: unknown) => e);
        if (error instanceof WorkflowFailedError) return error.cause?.message ?? '';
        throw error;
      };
      const sets = { sets: ['short', 'shrt'], samplesBySet: { lng: 3 } };
      const unknown = await refused({ evaluation: sets });
      expect(unknown).toContain('evaluation.sets[1]: the task has no held-out set "shrt"');
      expect(unknown).toContain('evaluation.samplesBySet.lng');
      const long = Array.from({ length: 16 }, (_, i) => `${i}`.padStart(40, 'x'));
      const many = { name: 'files', options: { evaluation: Object.fromEntries(long.map((name) => [name, file])) } };
      expect(await refused({ task: many, evaluation: {} })).toContain('evaluation.sets: the names of 16 held-out sets');
      const task = { name: 'files', options: { evaluation: { chats: file } } };
      expect(await refused({ task, evaluation: {} })).toMatch(/model: .* has no chat template/);
    });
  });
});

describe('a run whose first policy cannot be evaluated', () => {
  /** Which the null engine's first two calls in the background do: two sets. Returns the failure and the run. */
  async function fails(
    services: Services,
    form: RunForm,
    during?: (run: WorkflowHandle) => Promise<void>,
  ): Promise<{ run: WorkflowHandle; message: string }> {
    const whole = await smallForm({ evaluation: { ...FORM.evaluation, every: 0 }, ...form });
    return temporal.withWorkers(services, async (taskQueue) => {
      const options = { workflowId: `unjudged-${runs++}`, taskQueue, args: [whole] };
      const run = await temporal.environment.client.workflow.start('training', options);
      const [error] = await Promise.all([
        run.result().catch((e: unknown): unknown => e) as Promise<unknown>,
        during?.(run),
      ]);
      expect(error).toMatchObject({ cause: { type: 'RangeError' } });
      return { run, message: (error as WorkflowFailedError).cause!.message };
    });
  }
  const failure = new RangeError('no such length'); // not tried again

  it('says so at once, is trained to its end in as many executions as asked for, and fails with its model written', async () => {
    await withFolder(async (folder) => {
      const gates = new Gates();
      const first = gates.close(0);
      const { services } = await watched(await nullServices(folder, gates.learner), (call) => call <= 2, failure);
      const { run, message } = await fails(services, { iterations: 3, iterationsPerExecution: 1 }, async (running) => {
        await first.at;
        await expect
          .poll(() => currentDetails(running), { timeout: 60_000 })
          .toContain('⚠ policy 0 could not be evaluated: RangeError: no such length.');
        first.open();
      });
      const model = /its model is in (.*?):/.exec(message)![1];
      expect(await readdir(model)).toContain('model.safetensors');
      const result = JSON.parse(await readFile(join(model, '..', 'result.json'), 'utf8')) as object;
      expect(result).toMatchObject({ evaluations: [{ policyVersion: 3 }] });
      const { raw } = await run.describe();
      expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(raw.workflowExecutionInfo?.execution?.runId);
    });
  });

  it('is also told of a fork, whose gain counts from its own first policy', async () => {
    await withFolder(async (folder) => {
      const plain = await nullServices(folder);
      const form = await smallForm({ iterations: 1 });
      const { ledger } = await temporal.withWorkers(plain, (taskQueue) =>
        temporal.environment.client.workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
          workflowId: 'judged-parent',
          taskQueue,
          args: [form],
        }),
      );
      const { sha256, bytes } = ledger!;
      const from = { record: { sha256, bytes, kind: 'iteration-record' as const } };
      const { services } = await watched(plain, (call) => call <= 2, failure);
      const { message } = await fails(services, { iterations: 2, from });
      expect(message).toContain('policy 1 could not be evaluated: no such length');
    });
  });
});
