import { isGrpcServiceError, type WorkflowHandle, type WorkflowExecutionDescription } from '@temporalio/client';
import type { LoadedDataConverter } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '../contracts/protocol/temporal-internals.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { influenceWarningText } from '../contracts/protocol/influence-warning.js';
import { PROGRESS_QUERY, type RunProgress } from '../contracts/protocol/run.js';
import type { RunEvent, Work } from './events.js';
import type { Session } from './session.js';

const POLL_MS = 1_000;

/** Tells what happens in a run until `signal` aborts; each iteration and evaluation once. */
export async function watchRun(
  { client }: Session,
  handle: WorkflowHandle,
  show: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let shownIteration = -1;
  const shownEvaluations = new Set<number>();
  let unjudged = false;
  let warned = false;
  const shownRetries = new Map<string, number>();
  const news = (progress: RunProgress): void => {
    const { state } = progress;
    if (!state) return;
    const { iterations, evaluationSets: sets } = state.plan;
    for (const summary of state.recent.filter(({ iteration }) => iteration > shownIteration)) {
      show({ event: 'iteration', iterations, ...summary });
      shownIteration = summary.iteration;
    }
    for (const summary of state.evaluations.filter(({ policyVersion }) => !shownEvaluations.has(policyVersion))) {
      show({ event: 'evaluation', sets, ...summary });
      shownEvaluations.add(summary.policyVersion);
    }
    if (state.evaluationFailure && !unjudged) {
      const { policyVersion, message } = state.evaluationFailure;
      show({ event: 'note', text: `policy ${policyVersion} could not be evaluated, the training goes on: ${message}` });
      unjudged = true;
    }
    if (state.influenceWarning && !warned) {
      show({ event: 'note', text: `⚠ ${influenceWarningText(state.influenceWarning)}` });
      warned = true;
    }
  };

  while (!signal.aborted) {
    const progress = await ask(handle);
    if (progress) {
      news(progress);
      const { phase, children, state } = progress;
      const lists = await Promise.all(
        ['', ...children.map((child) => `/${child}`)].map(async (suffix) => {
          const description = await describe(client.workflow.getHandle(handle.workflowId + suffix));
          return description ? workOf(description, handle.workflowId, client.options.loadedDataConverter) : [];
        }),
      );
      const work = lists.flat();
      for (const { name, attempt, lastFailure } of work) {
        if (lastFailure === undefined || shownRetries.get(name) === attempt) continue;
        show({ event: 'retry', name, attempt, failure: lastFailure });
        shownRetries.set(name, attempt);
      }
      const { iteration = 0, plan: { iterations } = { iterations: 0 } } = state ?? {};
      show({ event: 'progress', phase, iteration, iterations, work });
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  const last = await ask(handle);
  if (last) news(last);
}

/** Undefined while nobody answers: no worker yet, or a server that is away. */
function ask(handle: WorkflowHandle): Promise<RunProgress | undefined> {
  return quietly(handle.query<RunProgress>(PROGRESS_QUERY));
}

/** Undefined where a child has not started yet. */
export function describe(handle: WorkflowHandle): Promise<WorkflowExecutionDescription | undefined> {
  return quietly(handle.describe());
}

function quietly<T>(request: Promise<T>): Promise<T | undefined> {
  return request.catch((error: unknown) => {
    if (
      error instanceof Error &&
      (isGrpcServiceError(error.cause) || isGrpcServiceError(error) || /NotFound|Query/.test(error.name))
    ) {
      return undefined;
    }
    throw error;
  });
}

/** @param converter of the client: heartbeats and failures may be encrypted */
export function workOf(
  { raw, workflowId }: WorkflowExecutionDescription,
  run: string,
  converter: LoadedDataConverter,
): Promise<Work[]> {
  const child = workflowId.slice(run.length + 1);
  return Promise.all(
    (raw.pendingActivities ?? []).map(async ({ activityType, heartbeatDetails, attempt, lastFailure }) => {
      const [beat] = (await decodeArrayFromPayloads(converter, heartbeatDetails?.payloads)) as Partial<Work>[];
      return {
        name: `${child} ${activityType?.name ?? ''}`.trim(),
        done: beat?.done ?? 0,
        total: beat?.total ?? 0,
        tokens: beat?.tokens ?? 0,
        attempt: attempt ?? 1,
        lastFailure: (await decodeOptionalFailureToOptionalError(converter, lastFailure))?.message,
      };
    }),
  );
}
