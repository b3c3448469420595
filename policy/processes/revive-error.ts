/** Errors of the engine's process as the classes that callers know. */
import type { Rollout } from '../../contracts/engine/engine.js';
import { EngineOutOfMemory, GenerationInterrupted, NonFiniteUpdate } from '../../contracts/errors/engine-errors.js';
import type { SentError } from './sent-error.js';

const REVIVED: Readonly<Record<string, (fields: SentError['fields'], message: string) => Error>> = {
  GenerationInterrupted: ({ rollouts }) => new GenerationInterrupted(rollouts as Rollout[]),
  EngineOutOfMemory: (_, message) => new EngineOutOfMemory(message),
  NonFiniteUpdate: ({ loss, gradNorm }) => new NonFiniteUpdate(loss as number, gradNorm as number),
};

export function reviveError({ name, message, stack, fields }: SentError): Error {
  const revived = REVIVED[name]?.(fields, message) ?? Object.assign(new Error(message), fields);
  revived.name = name;
  if (stack !== undefined) revived.stack = stack;
  return revived;
}
