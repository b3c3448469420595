import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OnnxLearner } from '../../../policy/onnx/learn/onnx-learner.js';
import { LIMITS } from '../../../policy/limits.js';
import { TfjsLearner } from '../../../policy/tfjs/tfjs-learner.js';
import { findTfjs } from '../../../scripts/load-tfjs.mjs';
import { residentMemory } from '../../support/resident-memory.js';
import { smallConfig } from '../random-model.js';
import { learnerContract } from './learner-contract.js';
import {
  bits,
  BUDGET,
  copyOf,
  expectSameGradient,
  gradientBy,
  type OpenLearner,
  packed,
  restoreFrom,
  started,
} from './opened-learner.js';
import { chain, loss, optimizer } from './rows.js';

const missing = findTfjs() === undefined;

const open = (tensorFlow = LIMITS.tensorFlow): TfjsLearner =>
  new TfjsLearner({ threads: 2, limits: { ...LIMITS, tensorFlow } });

describe.skipIf(missing)('the learner on TensorFlow.js (skipped without `npm run setup:tfjs -- cpu`)', () => {
  learnerContract(() => open());

  const rows = [...packed, chain(9, 200, smallConfig.vocabSize)];

  it('gives the gradient of the learner on onnxruntime', async () => {
    for (const config of [smallConfig, { ...smallConfig, tiedHead: false }]) {
      const [tfjs, onnx] = [open(), new OnnxLearner({ threads: 2 })];
      const actual = await gradientBy(tfjs, rows, { config });
      const expected = await gradientBy(onnx, rows, { config });
      expect(
        Object.entries(actual.metrics)
          .map(([name]) => name)
          .sort(),
      ).toEqual(Object.keys(expected.metrics).sort());
      for (const [name, value] of Object.entries(expected.metrics)) {
        expect([actual.metrics[name as keyof typeof expected.metrics]], name).toBeAllclose([value], {
          rtol: 1e-5,
          atol: 1e-6,
        });
      }
      expectSameGradient(actual.gradient, expected.gradient);
      await tfjs.close();
      await onnx.close();
    }
  });

  it('gives the same bits whether activations are kept or computed again', async () => {
    const [kept, again] = [open(), open({ ...LIMITS.tensorFlow, keptBytes: 0 })];
    const expected = bits((await gradientBy(kept, rows)).gradient);
    expect(bits((await gradientBy(again, rows)).gradient)).toEqual(expected);
    await kept.close();
    await again.close();
  });

  it('leaves no tensor behind, over 500 steps', async () => {
    const learner = open();
    const before = learner.tensors;
    await started(learner);
    const { tensors } = learner;
    const resident: number[] = [];
    for (let step = 0; step < 500; step++) {
      await learner.update([chain(step, 60 + (step % 5) * 40, smallConfig.vocabSize)], loss, optimizer, BUDGET);
      expect(learner.tensors).toBe(tensors);
      if (step % 50 === 49) resident.push(residentMemory());
    }
    const poisoned = { ...packed[0], advantages: packed[0].advantages.map(() => NaN) };
    await expect(learner.update([poisoned], loss, optimizer, BUDGET)).rejects.toThrow(/refused/);
    expect(learner.tensors).toBe(tensors);
    await learner.close();
    expect(learner.tensors).toBe(before);
    expect(Math.max(...resident.slice(-2))).toBeLessThan(Math.max(...resident.slice(2, 4)) + 16 * 2 ** 20);
  }, 300_000);

  describe('takes turns with the learner on onnxruntime', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'learners-'));
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('over one policy and optimiser state', async () => {
      const turns = async (learners: readonly OpenLearner[]) => {
        const [weights, moments] = [join(folder, 'weights'), join(folder, 'moments')];
        await started(learners[0]);
        for (const [turn, learner] of learners.entries()) {
          if (turn > 0) await restoreFrom(learner, weights, moments);
          for (let step = 0; step < 2; step++) await learner.supervise(packed, optimizer, BUDGET);
          await learner.save(weights, moments);
        }
        const result = copyOf(learners.at(-1)!.weights);
        for (const learner of learners) await learner.close();
        return result;
      };
      const onnx = () => new OnnxLearner({ threads: 2 });
      const alone = await turns([onnx(), onnx(), onnx()]);
      for (const learners of [
        [open(), onnx(), open()],
        [onnx(), open(), onnx()],
      ]) {
        const mixed = await turns(learners);
        // AdamW amplifies rounding where gradients are near zero; a lost moment or step count would show in all numbers.
        for (const [name, values] of alone) expect(mixed.get(name)!).toBeAllclose(values, { rtol: 1e-4, atol: 1e-4 });
      }
    });
  });
});
