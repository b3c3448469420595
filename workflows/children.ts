import { ChildWorkflowCancellationType, executeChild, ParentClosePolicy, workflowInfo } from '@temporalio/workflow';
import type { RunPlan } from '../contracts/protocol/run.js';
import { childId, type ChildPhase } from '../contracts/protocol/child-ids.js';
import { SEARCH_ATTRIBUTES } from '../contracts/protocol/search-attributes.js';
import { explained } from './waiting.js';

/** Which part of a run a child is. */
export interface Part {
  readonly phase: ChildPhase;
  readonly number: number;
  readonly summary: string;
}

/**
 * Runs a child to its end. When the run is closed from outside, the child is told to stop and may save what it has.
 * @param show what it waits for, see `explained`
 */
export function child<Input extends { readonly plan: RunPlan }, Result>(
  workflow: (input: Input) => Promise<Result>,
  { phase, number, summary }: Part,
  input: Input,
  show: (reasons: readonly string[]) => void,
): Promise<Result> {
  const { workflowId } = workflowInfo();
  const id = childId(workflowId, phase, number);
  const work = executeChild(workflow, {
    workflowId: id,
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    staticSummary: summary,
    typedSearchAttributes: [
      { key: SEARCH_ATTRIBUTES.run, value: workflowId },
      { key: SEARCH_ATTRIBUTES.phase, value: phase },
      { key: SEARCH_ATTRIBUTES.iteration, value: number },
    ],
    args: [input],
  });
  return explained(input.plan, { run: workflowId, child: id }, show, work);
}
