/** How a run is steered while it goes on: updates of the workflow `training`, each recorded in the run's ledger. */

/** Names of the updates. `stopAfter`, `extendTo` and `setLearningRate` take one number. */
export const STEERING_UPDATES = {
  pause: 'pause',
  resume: 'resume',
  stopAfter: 'stopAfter',
  extendTo: 'extendTo',
  setLearningRate: 'setLearningRate',
} as const;
export type SteeringUpdate = keyof typeof STEERING_UPDATES;

/** One accepted update, as the record of an iteration holds it and as the update returns it. */
export interface SteeringEvent {
  readonly update: SteeringUpdate;
  /** Iterations in all (stopAfter, extendTo), the learning rate, or null. */
  readonly value: number | null;
  /** The first iteration that goes by it. */
  readonly fromIteration: number;
  /** Who sent it, as the server's history names the client; '' where the client gave no name, as the UI without log-in. */
  readonly identity: string;
  /** When the workflow took it: ISO 8601, UTC. */
  readonly time: string;
  /** Finds the update in the workflow's history. */
  readonly updateId: string;
}

/** What updates have changed, and what of it no record holds yet. */
export interface SteeringState {
  /** ISO 8601; null while the run is not held. */
  readonly pausedSince: string | null;
  /** In place of the configuration's; null: that one holds. */
  readonly learningRate: number | null;
  /** For the next record. */
  readonly unrecorded: readonly SteeringEvent[];
}

export const UNSTEERED: SteeringState = { pausedSince: null, learningRate: null, unrecorded: [] };

/** Events that wait for a record are part of the run's state, which is small. A paused run can always be resumed. */
export const MAX_UNRECORDED = 8;

/** Bounds that the configuration has, too. */
export const MAX_LEARNING_RATE = 1;
export const MAX_ITERATIONS = 1_000_000;

/** Name of the query that answers with RunSettings. */
export const CONFIGURATION_QUERY = 'configuration';
/** Name of the query that answers with LedgerHead. */
export const LEDGER_HEAD_QUERY = 'ledgerHead';
