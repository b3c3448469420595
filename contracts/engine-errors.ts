import type { Rollout } from './engine.js';

/** Generation was stopped on request. Holds every rollout as far as it came, in the order of the requests. */
export class GenerationInterrupted extends Error {
  override readonly name = 'GenerationInterrupted';
  constructor(readonly rollouts: readonly Rollout[]) {
    const done = rollouts.filter(({ finished }) => finished).length;
    super(`generation was interrupted: ${done} of ${rollouts.length} rollouts are finished`);
  }
}

/** Loss or gradient norm of a mini-batch is not finite. Weights and optimiser state are as they were before it. */
export class NonFiniteUpdate extends Error {
  override readonly name = 'NonFiniteUpdate';
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

/** The engine's process ended before it answered. Another attempt starts a fresh one. */
export class EngineCrashed extends Error {
  override readonly name = 'EngineCrashed';
  constructor(readonly how: string) {
    super(`the engine process ended (${how}) before it answered; a memory limit or a kill are the usual causes`);
  }
}

/** A policy was used that was never loaded in this engine, or so long ago that its files are forgotten: call `load` before every use. */
export class PolicyNotLoaded extends Error {
  override readonly name = 'PolicyNotLoaded';
  constructor(readonly policyId: string) {
    super(`policy ${policyId} is not loaded in this engine; load it first`);
  }
}
