import { AttemptError } from './retry-policy.js';
import type { Rollout } from '../engine/engine.js';

/** Generation was stopped on request. Holds every rollout as far as it came, in the order of the requests. */
export class GenerationInterrupted extends AttemptError {
  override readonly name = 'GenerationInterrupted';
  override readonly retry = 'transient';
  constructor(readonly rollouts: readonly Rollout[]) {
    const done = rollouts.filter(({ finished }) => finished).length;
    super(`generation was interrupted: ${done} of ${rollouts.length} rollouts are finished`);
  }
}

/** Loss or gradient norm of a mini-batch is not finite. Weights and optimiser state are as they were before it. */
export class NonFiniteUpdate extends AttemptError {
  override readonly name = 'NonFiniteUpdate';
  override readonly retry = 'never';
  constructor(
    readonly loss: number,
    readonly gradNorm: number,
  ) {
    super(
      `update refused: loss ${loss}, gradient norm ${gradNorm}; the policy is unchanged. ` +
        'It could be because the learning rate is too high or the batch holds damaged log-probs.',
    );
  }
}

/** What is known of the end of an engine's process. */
export interface EngineEnd {
  /** A signal, an exit code, or that it could not be started. */
  readonly how: string;
  /** The exception that nothing caught, and where it was thrown. */
  readonly exception?: string | undefined;
  /** What it wrote last to its error output. */
  readonly lastWords?: string | undefined;
}

const OF_NATIVE_CODE: readonly string[] = ['SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV', 'SIGTRAP'];

/** The engine's process ended before it answered. Another attempt starts a fresh one. */
export class EngineCrashed extends AttemptError {
  override readonly name = 'EngineCrashed';
  override readonly retry = 'transient';
  constructor({ how, exception, lastWords = '' }: EngineEnd) {
    super(
      exception === undefined
        ? `the engine process ended before it answered: ${how}${meaningOf(how)}` +
            (lastWords === '' ? '' : `; its last words: ${lastWords}`)
        : `an exception ended the engine process: ${exception}`,
    );
  }
}

function meaningOf(how: string): string {
  if (how === 'SIGKILL') return ', killed by somebody, or by the system because memory ran out';
  return OF_NATIVE_CODE.includes(how) ? ', a crash of native code' : '';
}

/** The engine's process could not get the memory that it asked for, and goes on without. */
export class EngineOutOfMemory extends AttemptError {
  override readonly name = 'EngineOutOfMemory';
  override readonly retry = 'transient';
  constructor(what: string) {
    super(`the engine process got no memory: ${what}. Fewer slots or a smaller token budget take less.`);
  }
}

/** A policy was used that was never loaded in this engine, or so long ago that its files are forgotten: call `load` before every use. */
export class PolicyNotLoaded extends AttemptError {
  override readonly name = 'PolicyNotLoaded';
  override readonly retry = 'transient';
  constructor(readonly policyId: string) {
    super(`policy ${policyId} is not loaded in this engine; load it first`);
  }
}
