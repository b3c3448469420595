import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyFiles, TrainingSequence, UpdateMetrics } from '../../../contracts/engine/engine.js';
import { EngineCrashed } from '../../../contracts/errors/engine-errors.js';
import type { LearnerSettings } from '../../../policy/processes/child-learner.js';
import { openLearner } from '../../../policy/processes/open.js';
import type { LearnerGroup } from '../../../policy/processes/learner-group.js';
import { findTfjs, takesGpu } from '../../../scripts/load-tfjs.mjs';
import { chain, loss, optimizer, randomTree } from './rows.js';

const MODEL = 'models/straight-line';
const VOCABULARY = 64;
const chains = (lengths: readonly number[]): TrainingSequence[] =>
  lengths.map((length, i) => chain(i, length, VOCABULARY));
/** Every other row brings the reference's log-probs along. */
const partlyReferred = (rows: readonly TrainingSequence[]): TrainingSequence[] =>
  rows.map((row, i) => (i % 2 === 0 ? { ...row, refLogProbs: row.oldLogProbs!.map((logProb) => logProb - 0.1) } : row));
/** One micro-batch; two; four, one to a partial sum; more than there are partial sums. */
const miniBatches = [
  { rows: [randomTree(1, VOCABULARY).packed], budget: 8192, microBatches: 1 },
  { rows: partlyReferred(chains([600, 500, 400, 300, 200])), budget: 8192, microBatches: 2 },
  { rows: chains(new Array<number>(10).fill(480)), budget: 8192, microBatches: 4 },
  { rows: chains([700, 650, 600, 550, 500, 450, 400]), budget: 700, microBatches: 7 },
];

let policy: PolicyFiles;
let folder: string;
const opened: LearnerGroup[] = [];

beforeAll(async () => {
  const config: unknown = JSON.parse(await readFile(join(MODEL, 'config.json'), 'utf8'));
  policy = { id: 'shipped', config, weights: [join(MODEL, 'model.safetensors')] };
  folder = await mkdtemp(join(tmpdir(), 'group-test-'));
});
afterAll(async () => {
  await Promise.all(opened.map((learner) => learner.close()));
  await rm(folder, { recursive: true });
});

type Runtime = LearnerSettings['runtime'];

async function teamOf(runtime: Runtime, threads: number): Promise<LearnerGroup> {
  const learner = openLearner({ runtime, threads });
  opened.push(learner);
  await learner.load({ policy, reference: policy });
  return learner;
}

async function saved(learner: LearnerGroup): Promise<string[]> {
  const paths = [join(folder, 'weights'), join(folder, 'optimizer')] as const;
  await learner.save(...paths);
  return Promise.all(
    paths.map(async (path) =>
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ),
  );
}

async function trained(runtime: Runtime, threads: number): Promise<{ metrics: UpdateMetrics[]; files: string[] }> {
  const learner = await teamOf(runtime, threads);
  expect(learner.pids).toHaveLength(threads);
  const metrics: UpdateMetrics[] = [];
  for (const { rows, budget } of miniBatches) metrics.push(await learner.update(rows, loss, optimizer, budget));
  await learner.supervise(miniBatches[1].rows, optimizer, 8192);
  const files = await saved(learner);
  await learner.close();
  return { metrics, files };
}

const [, two, four, many] = miniBatches;

/** That for GPUs is no group. */
const tfjs = findTfjs();
const noTeam: Readonly<Record<Runtime, boolean>> = { onnx: false, tfjs: tfjs === undefined || takesGpu(tfjs) };

for (const runtime of ['onnx', 'tfjs'] as const) {
  describe.skipIf(noTeam[runtime])(
    `processes that learn together, on "${runtime}"${runtime === 'tfjs' ? ' (skipped without `npm run setup:tfjs -- cpu`)' : ''}`,
    () => {
      it('come to the bits of one alone', async () => {
        const alone = await trained(runtime, 1);
        expect(await trained(runtime, 2)).toEqual(alone);
        expect(await trained(runtime, 4)).toEqual(alone);
      });

      it('refuse a step together, and keep the policy', async () => {
        const group = await teamOf(runtime, 2);
        const before = await saved(group);
        const spoilt = two.rows.map((row) => ({ ...row, advantages: row.advantages.map(() => Infinity) }));
        await expect(group.update(spoilt, loss, optimizer, two.budget)).rejects.toMatchObject({
          name: 'NonFiniteUpdate',
        });
        expect(await saved(group)).toEqual(before);
        await group.update(two.rows, loss, optimizer, two.budget);
        expect(await saved(group)).not.toEqual(before);
      });

      it('stop together when the step is cancelled, and go on as if it had not begun', async () => {
        const [group, uncancelled] = [await teamOf(runtime, 2), await teamOf(runtime, 1)];
        const { pids } = group;
        for (let stop = 0; stop < 2 * many.microBatches; stop += 3) {
          const controller = new AbortController();
          let told = 0;
          const cancelled = group.update(many.rows, loss, optimizer, many.budget, {
            onProgress: () => told++ === stop && controller.abort(),
            signal: controller.signal,
          });
          // By the time that the news of the last micro-batch has come, it may be too late.
          const outcome = await cancelled.then(
            () => 'taken',
            (error: unknown) => (error as Error).name,
          );
          if (outcome === 'taken') await uncancelled.update(many.rows, loss, optimizer, many.budget);
          else expect(outcome).toBe('AbortError');
          if (stop < many.microBatches) expect(outcome).toBe('AbortError');
        }
        for (const learner of [group, uncancelled]) await learner.update(many.rows, loss, optimizer, many.budget);
        expect(await saved(group)).toEqual(await saved(uncancelled));
        expect(group.pids).toEqual(pids);
      });

      it('fail when one of them dies, and learn again once the policy is loaded', async () => {
        const group = await teamOf(runtime, 2);
        const step = group.update(four.rows, loss, optimizer, four.budget);
        process.kill(group.pids[1], 'SIGKILL');
        await expect(step).rejects.toThrow(EngineCrashed);
        await group.load({ policy, reference: policy });
        await group.update(four.rows, loss, optimizer, four.budget);
        const other = await teamOf(runtime, 1);
        await other.update(four.rows, loss, optimizer, four.budget);
        expect(await saved(group)).toEqual(await saved(other));
      });

      it('learn with one that was started anew, and again after they were let go', async () => {
        const [group, other] = [await teamOf(runtime, 2), await teamOf(runtime, 1)];
        for (let step = 0; step < 3; step++) await group.supervise(four.rows, optimizer, four.budget);
        process.kill(group.pids[1], 'SIGKILL');
        await expect.poll(() => group.pids).toHaveLength(1);
        await other.supervise(two.rows, optimizer, two.budget);
        const expected = await saved(other);
        for (const letGo of [false, true]) {
          if (letGo) await group.close();
          await group.load({ policy });
          await group.supervise(two.rows, optimizer, two.budget);
          expect(await saved(group)).toEqual(expected);
        }
      });
    },
  );
}
