import type { ModelFacts } from '../../contracts/config/model-defaults.js';
import type { ModelConfig } from '../../policy/model/config.js';
import { parameterCount } from '../../policy/model/parameter-list.js';

/** @param prompts what is known of tokenizer and chat template; undefined where they cannot be read */
export function factsOf(
  model: ModelConfig,
  prompts: Pick<ModelFacts, 'thinks' | 'chats'> = { thinks: false, chats: false },
): ModelFacts {
  const { layers, kvHeads, headSize, maxPositions } = model;
  const { thinks, chats } = prompts;
  return { parameters: parameterCount(model), layers, kvHeads, headSize, maxPositions, thinks, chats };
}
