import type { WorkflowExecutionInfo } from '@temporalio/client';
import type { Session } from './session.js';

/** Runs of this deployment, newest first. */
export async function listRuns(
  { client, controlQueue }: Session,
  filter = '',
  limit = 20,
): Promise<WorkflowExecutionInfo[]> {
  const query = `WorkflowType = 'training' AND TaskQueue = '${controlQueue}'${filter}`;
  const runs: WorkflowExecutionInfo[] = [];
  for await (const run of client.workflow.list({ query })) {
    if (runs.push(run) === limit) break;
  }
  return runs.sort((a, b) => b.startTime.getTime() - a.startTime.getTime());
}

export function unfinishedRuns(session: Session): Promise<WorkflowExecutionInfo[]> {
  return listRuns(session, " AND ExecutionStatus = 'Running'");
}
