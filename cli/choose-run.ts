import { isCancel, select } from '@clack/prompts';
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { UsageError } from './errors.js';
import { unfinishedRuns } from './runs.js';
import type { Session } from './session.js';

export interface ChoiceOptions {
  /** --resume */
  readonly resume: boolean;
  /** --new */
  readonly fresh: boolean;
  /** Settings were given, so a new run is meant. */
  readonly settings: boolean;
  readonly interactive: boolean;
}

/**
 * The unfinished run to go on with, or undefined for a new one. A new run beside an unfinished one would share its worker,
 * so the one that this command would go on with is cancelled first, and only where that was asked for. Any other may be
 * somebody else's.
 */
export async function chooseRun(session: Session, options: ChoiceOptions): Promise<string | undefined> {
  const [newest] = await unfinishedRuns(session);
  const choice = await decide(newest, options);
  if (choice === undefined && newest) await session.client.workflow.getHandle(newest.workflowId).cancel();
  return choice;
}

async function decide(
  newest: WorkflowExecutionInfo | undefined,
  { resume, fresh, settings, interactive }: ChoiceOptions,
): Promise<string | undefined> {
  if (newest === undefined) {
    if (resume) throw new UsageError('there is no unfinished run to go on with');
    return undefined;
  }
  if (fresh) return undefined;
  if (resume) return newest.workflowId;
  if (interactive) return ask(newest);
  if (!settings) return newest.workflowId;
  throw new UsageError(
    `the run ${newest.workflowId} is unfinished: pass --resume to go on with it, or --new to cancel it and start another`,
  );
}

async function ask({ workflowId, startTime }: WorkflowExecutionInfo): Promise<string | undefined> {
  const answer = await select({
    message: `The run ${workflowId} of ${startTime.toLocaleString()} is unfinished.`,
    options: [
      { value: workflowId, label: 'Go on with it' },
      { value: '', label: 'Cancel it and start a new run' },
    ],
  });
  if (isCancel(answer)) throw new UsageError('nothing was started');
  return answer === '' ? undefined : answer;
}
