/** Which policies' weights a run keeps (`retention` of its configuration). */
import type { RunConfig } from '../../contracts/config/run-config.js';

/**
 * Policy 0, the newest `keepLast`, and every `keepEvery`-th (0: none of them). Everything else of a run, small beside weights and
 * optimiser state, is kept as long as the run.
 * @param newest version of the newest policy
 */
export function keepsPolicy(version: number, newest: number, { keepLast, keepEvery }: RunConfig['retention']): boolean {
  return version === 0 || newest - version < keepLast || (keepEvery > 0 && version % keepEvery === 0);
}
