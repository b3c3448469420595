import type { WorkflowHandle } from '@temporalio/client';
import { PROGRESS_QUERY, type RunProgress } from '../../contracts/protocol/run.js';
import type { SteeringEvent, SteeringUpdate } from '../../contracts/protocol/steering.js';

export function steer(handle: WorkflowHandle, update: SteeringUpdate, value?: number): Promise<SteeringEvent> {
  if (value === undefined) return handle.executeUpdate<SteeringEvent, []>(update);
  return handle.executeUpdate<SteeringEvent, [number]>(update, { args: [value] });
}

/** Resolves when the run is where `is` wants it. */
export async function until(handle: WorkflowHandle, is: (progress: RunProgress) => boolean): Promise<void> {
  while (!is(await handle.query<RunProgress>(PROGRESS_QUERY)));
}

/** What the run's page shows. */
export async function currentDetails(handle: WorkflowHandle): Promise<string> {
  const { currentDetails = '' } = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return currentDetails;
}
