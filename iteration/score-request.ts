import type { CutBy } from '../algorithm/steps.js';
import { stepSettings, type RunConfig } from '../contracts/config/run-config.js';
import type { ScoreRequest } from '../contracts/engine/engine.js';
import type { PolicyTokenizer } from '../policy/model/tokenizer.js';
import { stepsOf } from './step-ranges.js';

/** A response as the engine is asked to score it, cut into steps. */
export interface InitialScoreRequest extends Required<ScoreRequest> {
  readonly cutBy: CutBy;
}

export function initialScoreRequest(
  prompt: readonly number[],
  tokens: Int32Array,
  config: Pick<RunConfig, 'sampling' | 'steps' | 'branching'>,
  tokenizer: PolicyTokenizer,
): InitialScoreRequest {
  const { separator, delta } = stepSettings(config);
  const { stepRanges, thinkEndStep, cutBy } = stepsOf(prompt.length, tokens, tokenizer, separator);
  return {
    tokens: Int32Array.from([...prompt, ...tokens]),
    promptLength: prompt.length,
    temperature: config.sampling.temperature,
    stepRanges,
    thinkEndStep,
    delta,
    cutBy,
  };
}
