/** What a run shows of itself: the details of its page, its search attributes, and which of its children are at work. */
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { Prepared } from '../contracts/protocol/activities.js';
import type { RunPhase, RunPlan, RunState } from '../contracts/protocol/run.js';
import { SEARCH_ATTRIBUTES } from '../contracts/protocol/search-attributes.js';
import { child, type Part } from './children.js';
import { runDetails } from './summaries.js';

export class RunPage {
  #phase: RunPhase = 'preparing';
  /** Names of those at work, with what they wait for. */
  readonly #children = new Map<string, readonly string[]>();

  /** @param state of the run once it has been prepared */
  constructor(private readonly state: () => RunState) {}

  get phase(): RunPhase {
    return this.#phase;
  }

  get children(): string[] {
    return [...this.#children.keys()];
  }

  begin(): void {
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.run, value: workflowInfo().workflowId },
      { key: SEARCH_ATTRIBUTES.phase, value: this.#phase },
    ]);
  }

  /** A run that trains, from its beginning or from where the execution before left it. */
  train(): void {
    this.#phase = 'training';
  }

  prepared({ model, plan, configHash }: Prepared): void {
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.model, value: model },
      { key: SEARCH_ATTRIBUTES.algorithm, value: plan.algorithm },
      { key: SEARCH_ATTRIBUTES.configHash, value: configHash },
    ]);
  }

  iterated(iteration: number, reward: number): void {
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.phase, value: this.#phase },
      { key: SEARCH_ATTRIBUTES.iteration, value: iteration },
      { key: SEARCH_ATTRIBUTES.reward, value: reward },
    ]);
    this.show();
  }

  evaluated(accuracy: number): void {
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.accuracy, value: accuracy }]);
    this.show();
  }

  enter(phase: RunPhase): void {
    this.#phase = phase;
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.phase, value: phase }]);
    this.show();
  }

  /** Runs a child workflow, which the page shows as long as it is at work. */
  async child<Input extends { readonly plan: RunPlan }, Result>(
    workflow: (input: Input) => Promise<Result>,
    part: Part,
    input: Input,
  ): Promise<Result> {
    const name = `${part.phase}-${part.number}`;
    const show = (reasons: readonly string[]): void => {
      this.#children.set(name, reasons);
      this.show();
    };
    show([]);
    try {
      return await child(workflow, part, input, show);
    } finally {
      this.#children.delete(name);
      this.show();
    }
  }

  /** No event of the history: what the page shows is asked for when somebody looks. */
  show(): void {
    const reasons = [...new Set([...this.#children.values()].flat())];
    const { phase, children } = this;
    setCurrentDetails(runDetails(this.state(), { phase, children, reasons, now: Date.now() }));
  }
}
