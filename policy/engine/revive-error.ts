/** Errors of the engine's process as the classes that callers know. */
import type { Rollout } from '../../contracts/engine.js';
import { GenerationInterrupted, NonFiniteUpdate } from '../../contracts/engine-errors.js';
import type { SentError } from './rpc.js';

const REVIVED: Readonly<Record<string, (fields: SentError['fields']) => Error>> = {
  GenerationInterrupted: ({ rollouts }) => new GenerationInterrupted(rollouts as Rollout[]),
  NonFiniteUpdate: ({ loss, gradNorm }) => new NonFiniteUpdate(loss as number, gradNorm as number),
};

export function reviveError({ name, message, stack, fields }: SentError): Error {
  const revived = REVIVED[name]?.(fields) ?? Object.assign(new Error(message), fields);
  revived.name = name;
  if (stack !== undefined) revived.stack = stack;
  return revived;
}
