import { log, patched } from '@temporalio/workflow';
import type { EvaluationSummary } from '../contracts/protocol/run.js';

/** What becomes of evaluations. */
export interface Outcomes {
  readonly evaluated: (summary: EvaluationSummary) => void;
  /** Of one that the result needs. */
  readonly failed: (policyVersion: number, error: unknown) => void;
  /** Did it end the run, in histories from before failures were noted? */
  readonly endedRun: (policyVersion: number) => boolean;
}

/** Evaluations that run beside a training. */
export class Evaluations {
  readonly #running = new Set<Promise<void>>();

  constructor(private readonly outcomes: Outcomes) {}

  get running(): number {
    return this.#running.size;
  }

  /** @param needed for the run's result; any other is only a point of the curve */
  start(policyVersion: number, evaluate: () => Promise<EvaluationSummary>, needed: boolean): void {
    const evaluated = evaluate().then(
      (summary) => this.outcomes.evaluated(summary),
      (error: unknown) => {
        log.warn('evaluation failed, training goes on', { policyVersion, error });
        const noted = patched('evaluation-failures-are-noted');
        if (!noted && this.outcomes.endedRun(policyVersion)) throw error;
        if (noted && needed) this.outcomes.failed(policyVersion, error);
      },
    );
    evaluated.catch(() => undefined); // reported where it is awaited
    this.#running.add(evaluated);
    void evaluated.then(() => this.#running.delete(evaluated)).catch(() => undefined);
  }

  /** Resolves when all have ended. */
  async all(): Promise<void> {
    await Promise.all(this.#running);
  }
}
