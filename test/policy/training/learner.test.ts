import { describe, expect, it } from 'vitest';
import { OnnxLearner } from '../../../policy/onnx/learn/onnx-learner.js';
import type { ModelConfig } from '../../../policy/model/config.js';
import { EVERYTHING_IS_LARGE } from '../../support/large-limits.js';
import { residentMemory } from '../../support/resident-memory.js';
import { smallConfig } from '../random-model.js';
import { learnerContract } from './learner-contract.js';
import { bits, expectSameGradient, gradientBy, packed, started, trees } from './opened-learner.js';
import { chain, loss, optimizer } from './rows.js';

/** As in Qwen3. */
const NORMALISED = { qkNorm: true, qkvBias: false };

describe('the learner on onnxruntime', () => {
  learnerContract(() => new OnnxLearner({ threads: 2 }));

  describe('where everything is large:', () => {
    learnerContract(() => new OnnxLearner({ threads: 2, limits: EVERYTHING_IS_LARGE }), EVERYTHING_IS_LARGE.model);
  });

  it('gives the same bits with any number of threads', async () => {
    // Of a size at which onnxruntime divides products by columns as well as by rows.
    const config: ModelConfig = { ...smallConfig, vocabSize: 64, hiddenSize: 128, intermediateSize: 384, layers: 1 };
    await expectSameBits(config);
    await expectSameBits({ ...config, ...NORMALISED });
  });

  it('gives the gradient of leaf paths with heads that are normalised', async () => {
    const config = { ...smallConfig, ...NORMALISED };
    const leaves = trees.flatMap((tree) => tree.leaves);
    const [whole, single] = [new OnnxLearner({ threads: 2 }), new OnnxLearner({ threads: 2 })];
    const expected = await gradientBy(single, leaves, { config });
    expectSameGradient((await gradientBy(whole, packed, { config })).gradient, expected.gradient);
    await Promise.all([whole.close(), single.close()]);
  });

  async function expectSameBits(config: ModelConfig): Promise<void> {
    for (const rows of [[chain(8, 60, config.vocabSize)], [...packed, chain(9, 200, config.vocabSize)]]) {
      const gradientWith = async (threads: number): Promise<string[]> => {
        const learner = new OnnxLearner({ threads });
        const { gradient } = await gradientBy(learner, rows, { config });
        await learner.close();
        return bits(gradient);
      };
      const expected = await gradientWith(1);
      for (const threads of [2, 2, 4]) expect(await gradientWith(threads)).toEqual(expected);
    }
  }

  it('keeps its memory flat over 200 steps', async () => {
    const learner = await started(new OnnxLearner({ threads: 2 }));
    const rows = (step: number) => [chain(step, 60 + (step % 5) * 40, smallConfig.vocabSize), packed[step % 5]];
    const resident: number[] = [];
    for (let step = 0; step < 200; step++) {
      await learner.update(rows(step), loss, optimizer, 256);
      if (step % 25 === 24) resident.push(residentMemory());
    }
    await learner.close();
    expect(Math.max(...resident.slice(-2))).toBeLessThan(Math.max(...resident.slice(2, 4)) + 16 * 2 ** 20);
  }, 300_000);
});
