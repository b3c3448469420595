import { expect, it } from 'vitest';
import { checkLearner } from '../../../services/input/checks.js';
import { resolveConfig } from '../../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../../contracts/config/model-defaults.js';
import type { InputProblem } from '../../../contracts/errors/run-errors.js';

it('a model that TensorFlow.js does not train is a problem of the configuration, before any work', () => {
  const problemsWith = (learner: 'onnx' | 'tfjs', type: string): InputProblem[] => {
    const problems: InputProblem[] = [];
    checkLearner(resolveConfig({ learner }, SHIPPED_FACTS), { model_type: type }, problems);
    return problems;
  };
  expect(problemsWith('tfjs', 'qwen3')).toEqual([
    { path: 'learner', problem: expect.stringContaining('qwen3') as unknown },
  ]);
  expect(problemsWith('tfjs', 'qwen2')).toEqual([]);
  expect(problemsWith('onnx', 'qwen3')).toEqual([]);
});
