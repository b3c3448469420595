import { log } from '@temporalio/workflow';
import type { EvaluationSummary } from '../contracts/run.js';

/** Evaluations that run beside a training. */
export class Evaluations {
  readonly #running = new Set<Promise<void>>();

  constructor(private readonly note: (summary: EvaluationSummary) => void) {}

  get running(): number {
    return this.#running.size;
  }

  /** @param needed asked when it failed: may the run go on without it? */
  start(policyVersion: number, evaluate: () => Promise<EvaluationSummary>, needed: () => boolean): void {
    const evaluated = evaluate().then(
      (summary) => this.note(summary),
      (error: unknown) => {
        if (needed()) throw error;
        log.warn('evaluation failed, training goes on', { policyVersion, error });
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
