import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyFiles, TrainingSequence, UpdateMetrics } from '../../../contracts/engine.js';
import { EngineCrashed } from '../../../contracts/engine-errors.js';
import { openLearner } from '../../../policy/engine/open.js';
import type { TeamLearner } from '../../../policy/engine/team-learner.js';
import { chain, loss, optimizer, randomTree } from './rows.js';

const MODEL = 'models/straight-line';
const VOCABULARY = 64;
const chains = (lengths: readonly number[]): TrainingSequence[] =>
  lengths.map((length, i) => chain(i, length, VOCABULARY));
/** One micro-batch; two; four, one to a lane; more than there are lanes. */
const miniBatches = [
  { rows: [randomTree(1, VOCABULARY).packed], budget: 8192, microBatches: 1 },
  { rows: chains([600, 500, 400, 300, 200]), budget: 8192, microBatches: 2 },
  { rows: chains(new Array<number>(10).fill(480)), budget: 8192, microBatches: 4 },
  { rows: chains([700, 650, 600, 550, 500, 450, 400]), budget: 700, microBatches: 7 },
];

let policy: PolicyFiles;
let folder: string;
const opened: TeamLearner[] = [];

beforeAll(async () => {
  const config: unknown = JSON.parse(await readFile(join(MODEL, 'config.json'), 'utf8'));
  policy = { id: 'shipped', config, weights: [join(MODEL, 'model.safetensors')] };
  folder = await mkdtemp(join(tmpdir(), 'team-test-'));
});
afterAll(async () => {
  await Promise.all(opened.map((learner) => learner.close()));
  await rm(folder, { recursive: true });
});

async function teamOf(threads: number): Promise<TeamLearner> {
  const learner = openLearner({ threads });
  opened.push(learner);
  await learner.load({ policy, reference: policy });
  return learner;
}

async function saved(learner: TeamLearner): Promise<string[]> {
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

async function trained(threads: number): Promise<{ metrics: UpdateMetrics[]; files: string[] }> {
  const learner = await teamOf(threads);
  expect(learner.pids).toHaveLength(threads);
  const metrics: UpdateMetrics[] = [];
  for (const { rows, budget } of miniBatches) metrics.push(await learner.update(rows, loss, optimizer, budget));
  await learner.supervise(miniBatches[1].rows, optimizer, 8192);
  return { metrics, files: await saved(learner) };
}

describe('processes that learn together', () => {
  it('come to the bits of one alone', async () => {
    const alone = await trained(1);
    expect(await trained(2)).toEqual(alone);
    expect(await trained(4)).toEqual(alone);
  });

  it('refuse a step together, and keep the policy', async () => {
    const team = await teamOf(2);
    const [before, { rows, budget }] = [await saved(team), miniBatches[1]];
    const spoilt = rows.map((row) => ({ ...row, advantages: row.advantages.map(() => Infinity) }));
    await expect(team.update(spoilt, loss, optimizer, budget)).rejects.toMatchObject({ name: 'NonFiniteUpdate' });
    expect(await saved(team)).toEqual(before);
    await team.update(rows, loss, optimizer, budget);
    expect(await saved(team)).not.toEqual(before);
  });

  it('fail when one of them dies, and learn again once the policy is loaded', async () => {
    const team = await teamOf(2);
    const { rows, budget } = miniBatches[2];
    const step = team.update(rows, loss, optimizer, budget);
    process.kill(team.pids[1], 'SIGKILL');
    await expect(step).rejects.toThrow(EngineCrashed);
    await team.load({ policy, reference: policy });
    await team.update(rows, loss, optimizer, budget);
    const other = await teamOf(1);
    await other.update(rows, loss, optimizer, budget);
    expect(await saved(team)).toEqual(await saved(other));
  });
});
