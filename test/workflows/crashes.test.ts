/** Whole runs whose activities die between their writes, compared with a run that is left alone. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Services } from '../../services/services.js';
import type { ArtifactKind, ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { RunForm } from '../../contracts/config/form.js';
import { linesOf } from '../../runs/run-files.js';
import { EngineCrashed } from '../../contracts/errors/engine-errors.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { drawProblems } from '../../algorithm/data-order.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import { getJson } from '../../store/json.js';
import { NullLearner } from '../../tools/bench/null-engine.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { Temporal, withFolder } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

let runs = 0;

interface Finished {
  readonly head: string;
  /** First to last. */
  readonly records: readonly IterationRecord[];
  readonly store: ArtifactStore;
}

async function train<T>(
  form: RunForm,
  disturb: (services: Services) => Services,
  look: (run: Finished) => Promise<T>,
): Promise<T> {
  return withFolder(async (folder) => {
    const services = await nullServices(folder);
    return temporal.withWorkers(disturb(services), async (taskQueue) => {
      const { ledger, runFolder } = await temporal.environment.client.workflow.execute<
        (form: RunForm) => Promise<RunResult>
      >('training', { workflowId: `crashes-${runs++}`, taskQueue, args: [await smallForm(form)] });
      const lines = (await readFile(join(runFolder, 'ledger.jsonl'), 'utf8')).trim().split('\n');
      const records = lines.map((line) => JSON.parse(line) as IterationRecord);
      return look({ head: ledger?.sha256 ?? '', records, store: services.store });
    });
  });
}

/** Dies once after each first write of an artifact of these kinds, as a process may that is killed right then. */
function dyingAfter(kinds: readonly ArtifactKind[]): (services: Services) => Services {
  const written = new Set<string>();
  return (services) => ({
    ...services,
    store: new Proxy(services.store, {
      get: (store, name: keyof ArtifactStore) => {
        const call = (store[name] as (...args: unknown[]) => Promise<ArtifactRef | ArtifactRef[]>).bind(store);
        if (name !== 'put' && name !== 'putWritten') return call;
        return async (...args: unknown[]) => {
          const refs = await call(...args);
          const first = [refs].flat().find(({ kind, sha256 }) => kinds.includes(kind) && !written.has(sha256));
          if (!first) return refs;
          written.add(first.sha256);
          throw new EngineCrashed({ how: `killed after the write of ${first.kind}` });
        };
      },
    }),
  });
}

const untouched = (services: Services): Services => services;
const SHORT: RunForm = { iterations: 2, evaluation: { every: 0, sets: ['short'], problemsPerSet: 1 } };

it('a crash between weights and controller state mixes nothing', async () => {
  const whole = await train(SHORT, untouched, ({ head }) => Promise.resolve(head));
  const kinds: ArtifactKind[] = ['weights', 'optimizer', 'policy', 'tree', 'rows', 'iteration-record'];
  const killed = await train(SHORT, dyingAfter(kinds), ({ head, records }) => {
    // What follows an iteration follows all of it: the policy, the controller and the cursor of one and the same record.
    records.slice(1).forEach((record, i) => {
      expect(record.policy.before).toEqual(records[i].policy.after);
      expect(record.controller.before).toEqual(records[i].controller.after);
      expect(record.initial.cursor.before).toEqual(records[i].initial.cursor.after);
    });
    return Promise.resolve(head);
  });
  expect(killed).toBe(whole);
});

it('a torn checkpoint skips no prompt (NeMo-RL 3599)', async () => {
  let saves = 0;
  class Torn extends NullLearner {
    override async save(weights: string, optimizer: string): Promise<void> {
      saves += 1;
      if (saves % 2 === 1) throw new EngineCrashed({ how: 'killed in the middle of a checkpoint' });
      await super.save(weights, optimizer);
    }
  }
  const torn = (services: Services): Services => ({
    ...dyingAfter(['problems'])(services),
    learner: () => Promise.resolve(new Torn()),
  });
  await train({ ...SHORT, iterations: 3 }, torn, async ({ records, store }) => {
    expect(saves).toBeGreaterThan(records.length);
    const drawn: number[] = [];
    for (const { initial } of records) {
      const { problems } = await getJson<{ problems: { index: number }[] }>(store, initial.problems);
      drawn.push(...problems.map(({ index }) => index));
    }
    // Each problem of the seeded order once, none left out, from the first draw to the last.
    const { config, dataSetSize } = await getJson<{ config: { seed: number }; dataSetSize: number }>(
      store,
      records[0].manifest,
    );
    const { before } = records[0].initial.cursor;
    expect(drawn).toEqual(drawProblems({ seed: config.seed, size: dataSetSize }, before, drawn.length).indices);
  });
});

it('an attempt that was given up, and works on, leaves the ledger as those behind it wrote it', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    let begun = 0;
    let wake = (): void => undefined;
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    const { store } = services;
    const put: ArtifactStore['put'] = async (kind, content) => {
      if (kind === 'iteration-provenance' && begun++ === 0) await asleep;
      return store.put(kind, content);
    };
    const bound = (name: keyof ArtifactStore) => (store[name] as (...args: never[]) => unknown).bind(store);
    const sleepy = new Proxy(store, { get: (_, name: keyof ArtifactStore) => (name === 'put' ? put : bound(name)) });
    const form = await smallForm({ ...SHORT, distribution: { heartbeatSeconds: 5 } });
    const run = 'given-up';
    const { runFolder } = await temporal.withWorkers({ ...services, store: sleepy }, async (taskQueue) => {
      const { workflow } = temporal.environment.client;
      const training = workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
        workflowId: run,
        taskQueue,
        args: [form],
      });
      return training.finally(wake);
    }); // all attempts have ended
    expect(begun).toBe(3);
    for (const name of ['ledger.jsonl', 'metrics.jsonl'])
      expect((await linesOf<{ number: number }>(join(runFolder, name))).map(({ number }) => number)).toEqual([0, 1]);
  });
});
