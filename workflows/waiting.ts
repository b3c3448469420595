/** While a part of the run takes long, its page says what it waits for. */
import { CancellationScope, isCancellation, log, sleep } from '@temporalio/workflow';
import type { WaitingPart } from '../contracts/protocol/activities.js';
import type { RunPlan } from '../contracts/protocol/run.js';
import { activity } from './activities.js';

/** A look is about ten events of history: seldom, and never in an iteration that is done sooner. */
const FIRST_LOOK_HEARTBEATS = 2;
const LONGEST_PAUSE_S = 900;

type Show = (reasons: readonly string[]) => void;

/**
 * @param part whose activities the work is
 * @param show called with the reasons of now, and with none when the work has ended
 */
export async function explained<T>(
  plan: Pick<RunPlan, 'heartbeatSeconds'>,
  part: WaitingPart,
  show: Show,
  work: Promise<T>,
): Promise<T> {
  const watch = new CancellationScope();
  watch
    .run(() => look(plan, part, (reasons) => watch.consideredCancelled || show(reasons)))
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

async function look(plan: Pick<RunPlan, 'heartbeatSeconds'>, part: WaitingPart, show: Show): Promise<never> {
  for (let pause = FIRST_LOOK_HEARTBEATS * plan.heartbeatSeconds; ; pause = Math.min(2 * pause, LONGEST_PAUSE_S)) {
    await sleep(`${pause}s`);
    const { reasons } = await activity('explainWait', 'why does it take so long?', part);
    show(reasons);
  }
}
