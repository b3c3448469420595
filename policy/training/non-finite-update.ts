import { NON_FINITE_UPDATE } from '../../contracts/errors/run-errors.js';

/** Loss or gradient norm were not finite: the update is refused, weights and optimiser are as before. */
export class NonFiniteUpdate extends Error {
  override readonly name = NON_FINITE_UPDATE;
  constructor(
    readonly loss: number,
    readonly gradNorm: number,
  ) {
    super(`update refused: loss ${loss}, gradient norm ${gradNorm}; the policy is unchanged`);
  }
}
