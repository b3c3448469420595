import { defineQuery, setHandler } from '@temporalio/workflow';
import type { RunForm } from '../contracts/config/form.js';
import { PROGRESS_QUERY } from '../contracts/protocol/run.js';
import type { LedgerHead, RunProgress, RunResult, RunSettings, RunState } from '../contracts/protocol/run.js';
import { CONFIGURATION_QUERY, LEDGER_HEAD_QUERY } from '../contracts/protocol/steering.js';
import { rootFailure } from './failures.js';
import { Run } from './run.js';
import { handleSteering } from './steering.js';

const progressQuery = defineQuery<RunProgress>(PROGRESS_QUERY);
const configurationQuery = defineQuery<RunSettings>(CONFIGURATION_QUERY);
const ledgerHeadQuery = defineQuery<LedgerHead>(LEDGER_HEAD_QUERY);

/**
 * One run: policy 0 to policy `iterations`. Iteration m is two children with policy m at the same time (algorithm.md 6):
 * the initial responses of batch m+1 are sampled while batch m is branched and learnt from. On-policy they run one
 * after the other.
 * @param form configuration as the user wrote it; all of it has defaults
 * @param carried state of the execution before, by continue-as-new
 */
export async function training(form?: RunForm, carried?: RunState): Promise<RunResult> {
  const run = new Run(form ?? {});
  setHandler(progressQuery, () => run.progress(), {
    description: 'Phase, children at work, state and last iterations',
  });
  setHandler(configurationQuery, () => run.settings(), { description: 'What the run goes by' });
  setHandler(ledgerHeadQuery, () => run.ledgerHead(), { description: 'The last record, and the policy it names' });
  handleSteering(run);
  try {
    if (carried) run.resume(carried);
    else await run.prepare();
    return await run.train();
  } catch (error) {
    throw rootFailure(error);
  }
}
