import { ApplicationFailure, currentUpdateInfo, defineUpdate, setHandler, workflowInfo } from '@temporalio/workflow';
import { STEERING_UPDATES, type SteeringEvent, type SteeringUpdate } from '../contracts/protocol/steering.js';
import { activity } from './activities.js';
import { firstIterationOf, refusalOf, type Moment } from './steering-rules.js';

/** What updates act on. */
export interface Steerable {
  moment(): Moment;
  /** Takes the event's effect at once. */
  take(event: SteeringEvent): void;
  /** The server has told who sent it. */
  identify(event: SteeringEvent): void;
}

const DESCRIPTIONS: Readonly<Record<SteeringUpdate, string>> = {
  pause: 'Bring the iteration to its end, then hold the run. No argument.',
  resume: 'Go on with a held run. No argument.',
  stopAfter: 'End the run after that many iterations in all. Argument: a whole number.',
  extendTo: 'Let the run have that many iterations in all. Argument: a whole number.',
  setLearningRate: 'Learn at that rate from the next update on. Argument: a number above 0, at most 1.',
};

/** Registers the updates. Each is judged by its validator, takes effect at once, and returns once its sender is known. */
export function handleSteering(run: Steerable): void {
  for (const update of Object.keys(STEERING_UPDATES) as SteeringUpdate[]) {
    setHandler(defineUpdate<SteeringEvent, [unknown]>(update), (value: unknown) => steer(run, update, value), {
      validator: (value: unknown) => validate(run, update, value),
      description: DESCRIPTIONS[update],
    });
  }
}

function validate(run: Steerable, update: SteeringUpdate, value: unknown): void {
  const refusal = refusalOf(update, value, run.moment());
  if (refusal !== null) throw ApplicationFailure.nonRetryable(`${update}: ${refusal}`, 'SteeringRefused');
}

async function steer(run: Steerable, update: SteeringUpdate, value: unknown): Promise<SteeringEvent> {
  const updateId = currentUpdateInfo()!.id; // this is an update
  const event: SteeringEvent = {
    update,
    value: update === 'pause' || update === 'resume' ? null : (value as number),
    fromIteration: firstIterationOf(update, run.moment()),
    identity: '',
    time: new Date(Date.now()).toISOString(),
    updateId,
  };
  run.take(event);
  // A workflow is not told who sent an update; the server's history is.
  const { workflowId, runId } = workflowInfo();
  const { identity } = await activity('identifySender', `who sent ${update}`, { run: workflowId, runId, updateId });
  const identified = { ...event, identity };
  run.identify(identified);
  return identified;
}
