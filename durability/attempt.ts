import type { Progress } from './progress.js';

/** What work asks of the attempt of an activity in which it runs. */
export interface Attempt {
  /** Says how far it is, and that it lives. */
  heartbeat(progress: Progress): void;
  /** Aborts when the attempt is cancelled, or its worker stops. */
  readonly signal: AbortSignal;
  /** Rejects then. */
  readonly cancelled: Promise<never>;
  sleep(ms: number): Promise<void>;
  /** Rejects where the server has given this attempt up, and another one may have gone on: a heartbeat tells of that too late. */
  stillAsked(): Promise<void>;
  /** The server gives it up after some time. */
  readonly isBounded: boolean;
}
