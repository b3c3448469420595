import {
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  log,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { FIRST_PROBLEM } from '../algorithm/data-order.js';
import type { RunStart } from '../contracts/activities.js';
import type { RunForm } from '../contracts/config-form.js';
import { assertSmall, MAX_STATE_BYTES } from '../contracts/result-size.js';
import { PROGRESS_QUERY } from '../contracts/run.js';
import type { EvaluationSummary, InitialBatch, RunPhase, RunProgress, RunResult, RunState } from '../contracts/run.js';
import { SEARCH_ATTRIBUTES } from '../contracts/search-attributes.js';
import { activity } from './activities.js';
import { child } from './children.js';
import { evaluation } from './evaluation.js';
import { rootFailure } from './failures.js';
import { growAndLearn } from './grow-and-learn.js';
import { sampleInitial } from './sample-initial.js';
import { runDetails } from './summaries.js';

const progressQuery = defineQuery<RunProgress>(PROGRESS_QUERY);

/** Rows kept in the run's state: what the page and the terminal show. All of them are in the run's metrics.jsonl. */
const RECENT_ITERATIONS = 6;
const RECENT_EVALUATIONS = 5;

/**
 * One run: policy 0 to policy `iterations`. Iteration m is two children with policy m at the same time (spec 6):
 * the initial responses of batch m+1 are sampled while batch m is branched and learnt from. On-policy they run one
 * after the other.
 * @param form configuration as the user wrote it; all of it has defaults
 * @param carried state of the execution before, by continue-as-new
 */
export async function training(form?: RunForm, carried?: RunState): Promise<RunResult> {
  const run = new Run();
  setHandler(progressQuery, () => run.progress());
  try {
    if (carried) run.resume(carried);
    else await run.prepare(form);
    return await run.train(form);
  } catch (error) {
    throw rootFailure(error);
  }
}

class Run {
  #phase: RunPhase = 'preparing';
  #state: RunState | null = null;
  readonly #children = new Set<string>();
  readonly #evaluations = new Set<Promise<void>>();
  readonly #id = workflowInfo().workflowId;

  progress(): RunProgress {
    return { phase: this.#phase, children: [...this.#children], state: this.#state };
  }

  resume(state: RunState): void {
    this.#state = state;
    this.#phase = 'training';
  }

  async prepare(form: RunForm | undefined): Promise<void> {
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.run, value: this.#id },
      { key: SEARCH_ATTRIBUTES.phase, value: this.#phase },
    ]);
    const { manifest, configHash, model, plan, policy, controller, start } = await activity(
      'prepare',
      'check configuration, model, task',
      { form: form ?? {} },
    );
    this.resume({
      manifest,
      configHash,
      model,
      plan,
      iteration: start?.iteration ?? 0,
      policy,
      controller,
      cursor: start?.cursor ?? FIRST_PROBLEM,
      pending: null,
      ledger: start?.record ?? null,
      journal: null,
      recent: [],
      evaluations: [],
    });
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.model, value: model },
      { key: SEARCH_ATTRIBUTES.algorithm, value: plan.algorithm },
      { key: SEARCH_ATTRIBUTES.configHash, value: configHash },
    ]);
    this.#evaluate();
    if (start?.ahead) this.#running().pending = await this.#sample(start.iteration, start.ahead);
  }

  async train(form: RunForm | undefined): Promise<RunResult> {
    const state = this.#running();
    this.#show();
    while (state.iteration < state.plan.iterations) {
      if (workflowInfo().continueAsNewSuggested) await this.#continueAsNew(form);
      await this.#iterate();
    }
    this.#phase = 'finishing';
    this.#evaluate();
    await Promise.all(this.#evaluations);
    return this.#finish();
  }

  /** Iteration m. */
  async #iterate(): Promise<void> {
    const state = this.#running();
    const m = state.iteration;
    const batch = state.pending ?? (await this.#sample(m));
    const ahead = state.plan.pipeline === 'one-step-off-policy' && m + 1 < state.plan.iterations;
    const [next, learnt] = await Promise.all([ahead ? this.#sample(m + 1) : null, this.#learn(batch)]);

    state.iteration = m + 1;
    state.policy = learnt.policy;
    state.controller = learnt.controller;
    state.ledger = learnt.record;
    state.journal = learnt.journal;
    state.pending = next;
    state.recent = [...state.recent, learnt.summary].slice(-RECENT_ITERATIONS);
    upsertSearchAttributes([
      { key: SEARCH_ATTRIBUTES.phase, value: this.#phase },
      { key: SEARCH_ATTRIBUTES.iteration, value: state.iteration },
      { key: SEARCH_ATTRIBUTES.reward, value: learnt.summary.accuracy },
    ]);
    this.#show();
    const { evaluateEvery, iterations } = state.plan;
    if (evaluateEvery > 0 && state.iteration % evaluateEvery === 0 && state.iteration < iterations) this.#evaluate();
  }

  /** Samples the initial responses of an iteration with the policy of now. Draws follow one another: the cursor moves at the end. */
  async #sample(
    iteration: number,
    { policy, batchSize }: NonNullable<RunStart['ahead']> = this.#now(),
  ): Promise<InitialBatch> {
    const state = this.#running();
    const { manifest, plan, cursor } = state;
    const batch = await this.#child('sample', iteration, () =>
      child(
        sampleInitial,
        {
          phase: 'sample',
          number: iteration,
          summary: `iteration ${iteration} · ${batchSize} problems × ${plan.responsesDrawn} responses, policy ${state.iteration}`,
        },
        { manifest, plan, iteration, policy, cursor, batchSize },
      ),
    );
    state.cursor = batch.cursor.after;
    return batch;
  }

  #now(): NonNullable<RunStart['ahead']> {
    const { policy, controller } = this.#running();
    return { policy, batchSize: controller.batchSize };
  }

  #learn(batch: InitialBatch): ReturnType<typeof growAndLearn> {
    const { manifest, plan, policy, controller, ledger: previous, journal: previousJournal } = this.#running();
    const { responses, correct } = batch.statistics;
    return this.#child('learn', batch.iteration, () =>
      child(
        growAndLearn,
        {
          phase: 'learn',
          number: batch.iteration,
          summary: `iteration ${batch.iteration} · ${responses} responses · ${Math.round((100 * correct) / responses)} % correct`,
        },
        { run: this.#id, manifest, plan, batch, policy, controller, previous, previousJournal },
      ),
    );
  }

  /** Starts an evaluation beside the training. */
  #evaluate(): void {
    const state = this.#running();
    const { manifest, plan, policy, iteration: policyVersion } = state;
    const evaluated = this.#child('evaluate', policyVersion, () =>
      child(
        evaluation,
        {
          phase: 'evaluate',
          number: policyVersion,
          summary: `policy ${policyVersion} · ${plan.evaluationSets.length} held-out sets`,
        },
        { run: this.#id, manifest, policy, policyVersion, sets: plan.evaluationSets },
      ),
    ).then(
      (summary) => this.#noteEvaluation(summary),
      (error: unknown) => {
        // Without the first and the last there is no result; one between them is only a point of the curve.
        if (policyVersion === 0 || policyVersion === plan.iterations) throw error;
        log.warn('evaluation failed, training goes on', { policyVersion, error });
      },
    );
    evaluated.catch(() => undefined); // reported where it is awaited
    this.#evaluations.add(evaluated);
    void evaluated.then(() => this.#evaluations.delete(evaluated)).catch(() => undefined);
  }

  #noteEvaluation(summary: EvaluationSummary): void {
    const state = this.#running();
    const [first, ...later] = [...state.evaluations, summary].sort((a, b) => a.policyVersion - b.policyVersion);
    state.evaluations = first ? [first, ...later.slice(-RECENT_EVALUATIONS)] : [];
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.accuracy, value: summary.mean }]);
    this.#show();
  }

  async #continueAsNew(form: RunForm | undefined): Promise<never> {
    await Promise.all(this.#evaluations);
    await condition(allHandlersFinished);
    const state = this.#running();
    assertSmall(state, 'training state', MAX_STATE_BYTES);
    return continueAsNew<typeof training>(form, state);
  }

  async #finish(): Promise<RunResult> {
    const state = this.#running();
    const { manifest, policy, evaluations, plan } = state;
    const before = evaluations[0];
    const after = evaluations.at(-1);
    if (!before || !after) throw new Error('a finished run has been evaluated before and after');
    const folders = await activity('finishRun', `policy ${state.iteration} · write the trained model`, {
      manifest,
      run: this.#id,
      policy,
      evaluations,
    });
    this.#phase = 'finished';
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTES.phase, value: this.#phase }]);
    this.#show();
    return {
      iterations: state.iteration,
      policy,
      ledger: state.ledger,
      evaluationSets: plan.evaluationSets,
      before,
      after,
      ...folders,
    };
  }

  async #child<T>(phase: string, number: number, start: () => Promise<T>): Promise<T> {
    const name = `${phase}-${number}`;
    this.#children.add(name);
    try {
      return await start();
    } finally {
      this.#children.delete(name);
    }
  }

  #show(): void {
    setCurrentDetails(runDetails(this.#running()));
  }

  #running(): RunState {
    if (!this.#state) throw new Error('the run has not been prepared');
    return this.#state;
  }
}
