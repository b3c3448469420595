/** While a part of the run takes long, its page says what it waits for. */
import {
  CancellationScope,
  getCurrentDetails,
  isCancellation,
  log,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunPlan } from '../contracts/run.js';
import { activity } from './activities.js';

/** A look is about ten events of history: seldom, and never in an iteration that is done sooner. */
const FIRST_LOOK_HEARTBEATS = 2;
const LONGEST_PAUSE_S = 900;

const MARK = '\n\n> ⏳ ';

export async function explained<T>(plan: Pick<RunPlan, 'heartbeatSeconds'>, work: Promise<T>): Promise<T> {
  const watch = new CancellationScope();
  watch
    .run(() => look(plan))
    .catch((error: unknown) => {
      if (!isCancellation(error)) log.warn('could not find out what the run waits for', { error });
    });
  try {
    return await work;
  } finally {
    watch.cancel();
    show([]);
  }
}

async function look(plan: Pick<RunPlan, 'heartbeatSeconds'>): Promise<never> {
  for (let pause = FIRST_LOOK_HEARTBEATS * plan.heartbeatSeconds; ; pause = Math.min(2 * pause, LONGEST_PAUSE_S)) {
    await sleep(`${pause}s`);
    const { reasons } = await activity('explainWait', 'why does it take so long?', { run: workflowInfo().workflowId });
    show(reasons);
  }
}

/** Below whatever else the page shows. */
function show(reasons: readonly string[]): void {
  const [rest] = getCurrentDetails().split(MARK);
  setCurrentDetails([rest, ...reasons].join(MARK));
}
