/** What every learner promises, whatever it runs on. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adamWStep as referenceStep, startAdamW } from '../../../algorithm/adamw.js';
import type { StepProgress, TrainingSequence } from '../../../contracts/engine/engine.js';
import type { Weights } from '../../../policy/model/parameters.js';
import type { ModelConfig } from '../../../policy/model/config.js';
import type { ModelLimits } from '../../../policy/limits.js';
import { randomWeights, smallConfig as ordinary } from '../random-model.js';
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
  trees,
} from './opened-learner.js';
import { chain, loss, optimizer } from './rows.js';

/** @param open makes a learner that has no policy yet; @param limits by which models are handled */
export function learnerContract(open: () => OpenLearner, limits?: ModelLimits): void {
  const smallConfig: ModelConfig = limits ? { ...ordinary, limits } : ordinary;
  const untied: ModelConfig = { ...smallConfig, tiedHead: false };
  const opened: OpenLearner[] = [];
  const fresh = (): OpenLearner => {
    const learner = open();
    opened.push(learner);
    return learner;
  };
  const learnerOf = (config = smallConfig): Promise<OpenLearner> => started(fresh(), config);
  const gradientOf = (rows: readonly TrainingSequence[], settings?: { budget?: number; config?: ModelConfig }) =>
    gradientBy(fresh(), rows, { config: smallConfig, ...settings });
  afterAll(async () => {
    for (const learner of opened) await learner.close();
  });

  describe('a gradient', () => {
    it('of packed trees is that of their leaf paths one by one', async () => {
      for (const config of [smallConfig, untied]) {
        const whole = await gradientOf(packed, { config });
        const single = await gradientOf(
          trees.flatMap((tree) => tree.leaves),
          { config },
        );
        expect(Object.values(whole.metrics)).toBeAllclose(Object.values(single.metrics), { rtol: 1e-5, atol: 1e-5 });
        expectSameGradient(whole.gradient, single.gradient);
      }
    });

    it('does not depend on the size of micro-batches', async () => {
      const rows = [...packed, ...[40, 130, 7, 61].map((length, i) => chain(i, length, smallConfig.vocabSize))];
      const whole = await gradientOf(rows);
      for (const budget of [1, 200, 400]) {
        const parts = await gradientOf(rows, { budget });
        expect(Object.values(parts.metrics)).toBeAllclose(Object.values(whole.metrics), { rtol: 1e-5, atol: 1e-6 });
        expectSameGradient(parts.gradient, whole.gradient);
      }
    });

    it('has the same bits in every run', async () => {
      const rows = [...packed, chain(9, 200, smallConfig.vocabSize)];
      const expected = bits((await gradientOf(rows)).gradient);
      for (let run = 0; run < 3; run++) expect(bits((await gradientOf(rows)).gradient)).toEqual(expected);
    });

    // In pieces, graphs are opened anew for each policy: that the gradient is the one of this is shown in segments.test.ts.
    it.skipIf(limits)('agrees with differences of the loss', async () => {
      const rows = packed.slice(0, 2);
      const { gradient } = await gradientOf(rows);
      const learner = fresh();
      const lossAt = async (weights: Weights): Promise<number> => {
        await learner.start(smallConfig, weights, randomWeights(smallConfig, 2, 8));
        return (await learner.update(rows, loss, optimizer, BUDGET)).loss;
      };
      // Along the gradient itself the loss must grow by the square of its norm per step.
      for (const name of gradient.keys()) {
        const direction = gradient.get(name)!;
        const length = Math.hypot(...direction);
        const moved = (distance: number): Map<string, Float32Array> => {
          const weights = randomWeights(smallConfig, 1, 8);
          weights.get(name)!.forEach((x, i, all) => (all[i] = x + (distance * direction[i]) / length));
          return weights;
        };
        const step = 2e-3;
        const slope = ((await lossAt(moved(step))) - (await lossAt(moved(-step)))) / (2 * step);
        expect(slope / length, name).toBeCloseTo(1, 2);
      }
    });

    it('of rows without old log-probs is that of cross-entropy, times the advantage', async () => {
      const rows = (advantage: number): TrainingSequence[] =>
        packed.map(({ oldLogProbs: _, ...row }) => ({ ...row, advantages: row.advantages.map(() => advantage) }));
      const settings = { ...loss, klWeight: 0, temperature: 1 };
      const learner = await learnerOf();
      await learner.supervise(packed, optimizer, BUDGET);
      const expected = copyOf(learner.gradient);
      for (const advantage of [1, -4]) {
        await started(learner, smallConfig);
        const metrics = await learner.update(rows(advantage), settings, optimizer, 200);
        expect(metrics).toMatchObject({ clipFraction: 0, clipFractionLower: 0, approxKl: 0 });
        expect(metrics.policyLoss).toBeCloseTo(-advantage, 5);
        const scaled = [...expected].map(([name, values]) => [name, values.map((x) => advantage * x)] as const);
        expectSameGradient(learner.gradient, new Map(scaled));
      }
      const mixed = [packed[0], ...rows(1).slice(1)];
      await expect(learner.update(mixed, settings, optimizer, BUDGET)).rejects.toThrow(/4 of 5 training rows/);
    });

    it('of a policy with reference log-probs given equals that with the reference itself', async () => {
      const learner = await learnerOf();
      const withReference = await learner.update(packed, loss, optimizer, BUDGET);
      const frozen = fresh();
      await frozen.start(smallConfig, randomWeights(smallConfig, 1, 8));
      await expect(frozen.update(packed, loss, optimizer, BUDGET)).rejects.toThrow(/reference/);
      expect(withReference.kl).toBeGreaterThan(0);
      const without = await frozen.update(packed, { ...loss, klWeight: 0 }, optimizer, BUDGET);
      expect(without.policyLoss).toBe(withReference.policyLoss);
      expect(without.kl).toBeNull();
    });
  });

  describe('a step', () => {
    it('is AdamW on the clipped gradient', async () => {
      const learner = await learnerOf();
      const settings = { ...optimizer, weightDecay: 0.1, maxGradNorm: 0.5 };
      const names = [...learner.weights.keys()];
      let state = startAdamW(names.map((name) => learner.weights.get(name)!));
      for (let step = 0; step < 5; step++) {
        const { gradNorm } = await learner.update(packed, loss, settings, BUDGET);
        const { gradient } = learner;
        const expected = referenceStep(
          state,
          names.map((name) => gradient.get(name)!),
          settings,
        );
        state = expected.state;
        expect(gradNorm).toBeCloseTo(expected.gradNorm, 5);
        const { weights } = learner;
        names.forEach((name, i) => expect(weights.get(name)!).toBeAllclose(state.params[i], { atol: 1e-6 }));
      }
      const norms = Object.values(await learner.lastGradNorms());
      expect(Math.hypot(...norms)).toBeCloseTo(0.5, 4);
    });

    it('adds epsilon to the deviation after its bias is corrected', async () => {
      const learner = await learnerOf();
      const names = [...learner.weights.keys()];
      const state = startAdamW(names.map((name) => learner.weights.get(name)!));
      // Of the size of the deviations: where it is added shows.
      const settings = { ...optimizer, eps: 0.01, learningRate: 1 };
      await learner.update(packed, loss, settings, BUDGET);
      const { gradient, weights } = learner;
      const gradients = names.map((name) => gradient.get(name)!);
      const { params } = referenceStep(state, gradients, settings).state;
      names.forEach((name, i) => expect(weights.get(name)!).toBeAllclose(params[i], { rtol: 1e-4, atol: 1e-5 }));
    });

    it('of supervision lowers the cross-entropy', async () => {
      const learner = await learnerOf();
      const losses = [];
      for (let step = 0; step < 20; step++) {
        losses.push((await learner.supervise(packed, { ...optimizer, learningRate: 3e-3 }, BUDGET)).loss);
      }
      expect(losses.at(-1)!).toBeLessThan(losses[0] / 2);
    });

    it('with a loss or gradient that is not finite is refused and changes nothing', async () => {
      const learner = await learnerOf();
      await learner.update(packed, loss, optimizer, BUDGET);
      const before = bits(learner.weights);
      const poisoned = { ...packed[0], advantages: packed[0].advantages.map(() => NaN) };
      await expect(learner.update([poisoned], loss, optimizer, BUDGET)).rejects.toMatchObject({
        name: 'NonFiniteUpdate',
      });
      expect(bits(learner.weights)).toEqual(before);
      // Moments and step count are as before, too: what follows equals a run without the refused step.
      await learner.update(packed, loss, optimizer, BUDGET);
      const clean = await learnerOf();
      await clean.update(packed, loss, optimizer, BUDGET);
      await clean.update(packed, loss, optimizer, BUDGET);
      expect(bits(learner.weights)).toEqual(bits(clean.weights));
    });

    it('stops between micro-batches when it is cancelled, and goes on as if it had not begun', async () => {
      const rows = [40, 130, 7, 61].map((length, i) => chain(i, length, smallConfig.vocabSize));
      const told: StepProgress[] = [];
      const uncancelled = await learnerOf();
      const onProgress = (progress: StepProgress): unknown => told.push(progress);
      for (let step = 0; step < 2; step++) await uncancelled.update(rows, loss, optimizer, 1, { onProgress });
      // The reference has a pass of its own.
      expect(told.slice(0, told.length / 2)).toEqual([0, 1, 2, 3, 0, 1, 2, 3].map((done) => ({ done, total: 4 })));

      const learner = await learnerOf();
      await learner.update(rows, loss, optimizer, 1);
      for (const stop of [0, 1, 3, 4, 5, 7]) {
        const before = bits(learner.weights);
        const controller = new AbortController();
        let begun = 0;
        const cancelled = learner.update(rows, loss, optimizer, 1, {
          onProgress: () => begun++ === stop && controller.abort(),
          signal: controller.signal,
        });
        await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' });
        expect(begun).toBe(stop + 1);
        expect(bits(learner.weights)).toEqual(before);
      }
      await learner.update(rows, loss, optimizer, 1);
      expect(bits(learner.weights)).toEqual(bits(uncancelled.weights));
    });

    it('refuses rows that cannot be trained on', async () => {
      const learner = await learnerOf();
      const row = chain(1, 12, smallConfig.vocabSize);
      const refused = (change: Partial<TrainingSequence>) =>
        expect(learner.update([{ ...row, ...change }], loss, optimizer, BUDGET)).rejects.toThrow(RangeError);
      await refused({ tokens: row.tokens.map(() => 999) });
      await refused({ predecessors: row.predecessors.map((_, t) => t) });
      await refused({ weights: row.weights.map(() => 1) });
      await refused({ weights: row.weights.map(() => 0) });
      await refused({ advantages: row.advantages.slice(1) });
    });
  });

  describe('save', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'learner-'));
    const [weightsPath, optimizerPath] = [join(folder, 'weights.safetensors'), join(folder, 'optimizer.safetensors')];
    afterAll(() => rm(folder, { recursive: true }));

    it('and load go on with the same bits', async () => {
      const learner = await learnerOf();
      for (let step = 0; step < 3; step++) await learner.supervise(packed, optimizer, BUDGET);
      await learner.save(weightsPath, optimizerPath);
      const restored = fresh();
      await restoreFrom(restored, weightsPath, optimizerPath, smallConfig);
      await learner.supervise(packed, optimizer, BUDGET);
      await restored.supervise(packed, optimizer, BUDGET);
      expect(bits(restored.weights)).toEqual(bits(learner.weights));
    });

    it('writes the same bytes for the same policy', async () => {
      const learner = await learnerOf();
      await learner.supervise(packed, optimizer, BUDGET);
      await learner.save(weightsPath, optimizerPath);
      const first = [await readFile(weightsPath), await readFile(optimizerPath)];
      await learner.save(weightsPath, optimizerPath);
      expect([await readFile(weightsPath), await readFile(optimizerPath)]).toEqual(first);
    });
  });
}
