/** The learners as processes (compiled: dist/). */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Learner, PolicyFiles } from '../../../contracts/engine/engine.js';
import { EngineCrashed, NonFiniteUpdate } from '../../../contracts/errors/engine-errors.js';
import { ChildLearner, type LearnerSettings } from '../../../policy/processes/child-learner.js';
import { openLearner } from '../../../policy/processes/open.js';
import type { LearnerGroup } from '../../../policy/processes/learner-group.js';
import { findTfjs } from '../../../scripts/load-tfjs.mjs';
import { writeCheckpoint } from '../../support/checkpoint.js';
import { EVERYTHING_IS_LARGE } from '../../support/large-limits.js';
import { chain, loss, optimizer } from '../training/rows.js';

const VOCABULARY = 64;
const BUDGET = 256;
const rows = [1, 2, 3].map((seed) => chain(seed, 150 + seed, VOCABULARY));

let folder: string;
let policy: PolicyFiles;
const opened: LearnerGroup[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attnrl-learners-'));
  const model = await writeCheckpoint(join(folder, 'model'));
  const config: unknown = JSON.parse(await readFile(join(model, 'config.json'), 'utf8'));
  policy = { id: 'random', config, weights: [join(model, 'model.safetensors')] };
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const learner of opened.splice(0)) await learner.close();
});
afterAll(() => rm(folder, { recursive: true }));

async function loaded(settings: Partial<LearnerSettings>): Promise<LearnerGroup> {
  const learner = openLearner(settings);
  opened.push(learner);
  await learner.load({ policy, reference: policy });
  return learner;
}

async function savedBy(learner: Learner): Promise<Buffer[]> {
  const paths = [join(folder, 'weights'), join(folder, 'moments')] as const;
  await learner.save(...paths);
  return Promise.all(paths.map((path) => readFile(path)));
}

const RUNTIMES: Record<string, Partial<LearnerSettings>> = {
  '"onnx"': { runtime: 'onnx' },
  '"onnx" where everything is large': { runtime: 'onnx', limits: EVERYTHING_IS_LARGE },
  '"tfjs" (skipped without `npm run setup:tfjs -- cpu`)': { runtime: 'tfjs' },
};

for (const [name, settings] of Object.entries(RUNTIMES)) {
  describe.skipIf(settings.runtime === 'tfjs' && findTfjs() === undefined)(`the process of the learner ${name}`, () => {
    it('answers between micro-batches', async () => {
      const learner = await loaded({ ...settings, threads: 1 });
      const step = learner.update(rows, loss, optimizer, BUDGET);
      const answers: (number | undefined)[] = [];
      let done = false;
      const asked = (async () => {
        while (!done) {
          answers.push(learner.silence());
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await step;
      done = true;
      await asked;
      // Each ping that was answered is followed by a new one, which is owed nothing yet.
      const pings = answers.filter((silence, i) => i === 0 || silence! < answers[i - 1]!);
      expect(pings.length).toBeGreaterThan(2);
    });

    it('takes a step with it when it is killed, and the next attempt begins at the previous policy', async () => {
      const learner = await loaded(settings);
      const expected = await learner.update(rows, loss, optimizer, BUDGET);
      await learner.load({ policy, reference: policy });
      const killed = learner.update(rows, loss, optimizer, BUDGET);
      process.kill(learner.pids[0], 'SIGKILL');
      await expect(killed).rejects.toBeInstanceOf(EngineCrashed);
      await learner.load({ policy, reference: policy });
      expect(await learner.update(rows, loss, optimizer, BUDGET)).toEqual(expected);
    });

    it('refuses an update that is not finite, by name', async () => {
      const learner = await loaded(settings);
      const poisoned = [{ ...rows[0], advantages: rows[0].advantages.map(() => NaN) }];
      await expect(learner.update(poisoned, loss, optimizer, BUDGET)).rejects.toBeInstanceOf(NonFiniteUpdate);
    });
  });
}

describe('the learner "tfjs"', () => {
  // Threads are set once per process; that of onnxruntime is looked at in training/learner.test.ts, groups in training/learner-group.test.ts.
  it.skipIf(findTfjs() === undefined)('gives the same bits with any number of threads', async () => {
    const entry = fileURLToPath(new URL('../../../dist/policy/processes/learner-main.js', import.meta.url));
    const stepWith = async (threads: number): Promise<Buffer[]> => {
      const learner = new ChildLearner(entry, { runtime: 'tfjs', threads });
      try {
        await learner.load({ policy, reference: policy });
        await learner.update(rows, loss, optimizer, BUDGET);
        return await savedBy(learner);
      } finally {
        await learner.close();
      }
    };
    const expected = await stepWith(1);
    for (const threads of [2, 4]) expect(await stepWith(threads)).toEqual(expected);
  });

  it('says how to set it up where it is not', async () => {
    vi.stubEnv('ATTNRL_CACHE', join(folder, 'no-cache'));
    await expect(loaded({ runtime: 'tfjs' })).rejects.toMatchObject({
      name: 'TensorFlowMissing',
      message: expect.stringContaining('npm run setup:tfjs') as unknown,
    });
  });
});
