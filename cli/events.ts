import type { EvaluationSummary, IterationSummary, RunPhase, RunResult } from '../contracts/protocol/run.js';

/** What is seen of a run while it goes on. With --json, each is one line. */
export type RunEvent =
  | { readonly event: 'note'; readonly text: string }
  | {
      readonly event: 'run';
      readonly run: string;
      readonly url: string | undefined;
      readonly resumed: boolean;
    }
  | {
      readonly event: 'progress';
      readonly phase: RunPhase;
      readonly iteration: number;
      readonly iterations: number;
      readonly work: readonly Work[];
    }
  | ({ readonly event: 'iteration'; readonly iterations: number } & IterationSummary)
  | ({ readonly event: 'evaluation'; readonly sets: readonly string[] } & EvaluationSummary)
  | { readonly event: 'retry'; readonly name: string; readonly attempt: number; readonly failure: string }
  | ({ readonly event: 'result' } & RunResult)
  | { readonly event: 'failure'; readonly type: string; readonly message: string };

/** An activity that runs now, with its last heartbeat. */
export interface Work {
  /** Child and activity: `learn-3 generateBranches`. */
  readonly name: string;
  readonly done: number;
  readonly total: number;
  readonly tokens: number;
  /** 1 for the first. */
  readonly attempt: number;
  /** Why the attempt before failed. */
  readonly lastFailure: string | undefined;
}

/** Shows events somewhere. */
export interface Display {
  show(event: RunEvent): void;
  close(): void;
}
