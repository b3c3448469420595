/** Which updates a run takes, and when: pure, so that validators and tests read the same rules. */
import {
  MAX_ITERATIONS,
  MAX_LEARNING_RATE,
  MAX_UNRECORDED,
  type SteeringEvent,
  type SteeringState,
  type SteeringUpdate,
} from '../contracts/protocol/steering.js';

/** Where a run is, as far as steering is concerned. */
export interface Moment {
  /** Between `prepare` and the last commit. */
  readonly steerable: boolean;
  /** m: the iteration that runs, or comes next. */
  readonly iteration: number;
  readonly iterations: number;
  /** What iteration m has come to. */
  readonly stage: 'waiting' | 'sampling' | 'learning' | 'committing';
  readonly steering: SteeringState;
}

/** The first iteration that an update goes for. */
export function firstIterationOf(update: SteeringUpdate, { iteration, stage }: Moment): number {
  switch (update) {
    case 'setLearningRate': // read when learning starts
      return stage === 'waiting' || stage === 'sampling' ? iteration : iteration + 1;
    case 'stopAfter': // goes for the end of what runs, unless that is being committed
    case 'extendTo':
      return stage === 'committing' ? iteration + 1 : iteration;
    case 'pause': // what has begun is brought to its end
    case 'resume':
      return stage === 'waiting' ? iteration : iteration + 1;
  }
}

/** Why an update is refused, for the eyes of who sent it; null where it is taken. */
export function refusalOf(update: SteeringUpdate, value: unknown, moment: Moment): string | null {
  const { steerable, iterations, steering } = moment;
  if (!steerable) return 'the run is being prepared, or all its iterations are done: there is nothing to steer';
  if (update === 'resume') return refusalOfResume(moment);
  if (steering.unrecorded.length >= MAX_UNRECORDED)
    return `${MAX_UNRECORDED} changes wait to be recorded with the next iteration; wait for that`;
  const first = firstIterationOf(update, moment);
  switch (update) {
    case 'pause':
      if (steering.pausedSince !== null) return `the run is held since ${steering.pausedSince}`;
      return first < iterations ? null : `the last of ${iterations} iterations runs: there is nothing to hold`;
    case 'stopAfter':
      if (!isCount(value)) return `a whole number of iterations is needed, not ${JSON.stringify(value)}`;
      if (value <= first) return `the earliest end is after ${first + 1} iterations`;
      return value < iterations ? null : `the run ends after ${iterations} iterations anyway; extendTo makes it longer`;
    case 'extendTo':
      if (!isCount(value)) return `a whole number of iterations, at most ${MAX_ITERATIONS}, is needed`;
      return value > iterations ? null : `the run has ${iterations} iterations already; stopAfter makes it shorter`;
    case 'setLearningRate':
      if (typeof value !== 'number' || !(value > 0 && value <= MAX_LEARNING_RATE))
        return `a number above 0 and at most ${MAX_LEARNING_RATE} is needed, not ${JSON.stringify(value)}`;
      return first < iterations ? null : `the last of ${iterations} iterations learns already`;
  }
}

function refusalOfResume(moment: Moment): string | null {
  if (moment.steering.pausedSince === null) return 'the run is not held';
  const recorded = moment.stage === 'committing' ? moment.iteration + 1 : moment.iteration;
  return recorded < moment.iterations ? null : 'the last iteration is being committed: the run ends by itself';
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_ITERATIONS;
}

/** State after an update was taken; `identified`: its sender is known; `recorded`: a record holds the events. */
export function steered(state: SteeringState, event: SteeringEvent): SteeringState {
  const unrecorded = [...state.unrecorded, event];
  switch (event.update) {
    case 'pause':
      return { ...state, unrecorded, pausedSince: event.time };
    case 'resume':
      return { ...state, unrecorded, pausedSince: null };
    case 'setLearningRate':
      return { ...state, unrecorded, learningRate: event.value };
    case 'stopAfter':
    case 'extendTo': // the plan has it
      return { ...state, unrecorded };
  }
}

export function identified(state: SteeringState, event: SteeringEvent): SteeringState {
  return {
    ...state,
    unrecorded: state.unrecorded.map((known) => (known.updateId === event.updateId ? event : known)),
  };
}

export function recorded(state: SteeringState, events: readonly SteeringEvent[]): SteeringState {
  const ids = new Set(events.map(({ updateId }) => updateId));
  return { ...state, unrecorded: state.unrecorded.filter(({ updateId }) => !ids.has(updateId)) };
}
