/** A run as its workflow goes through it: iteration after iteration, evaluations beside them, what steers it taken in between. */
import { allHandlersFinished, condition, continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { Committed, RunStart } from '../contracts/protocol/activities.js';
import type { RunForm } from '../contracts/config/form.js';
import type {
  EvaluationSummary,
  InitialBatch,
  LedgerHead,
  RunProgress,
  RunResult,
  RunSettings,
  RunState,
} from '../contracts/protocol/run.js';
import { influenceWarning } from '../contracts/protocol/influence-warning.js';
import { UNSTEERED, type SteeringEvent } from '../contracts/protocol/steering.js';
import { activity } from './activities.js';
import { evaluation } from './evaluation.js';
import { Evaluations } from './evaluations.js';
import { evaluationFailure, unjudged } from './failures.js';
import { growAndLearn, type GrowAndLearnResult } from './grow-and-learn.js';
import { RunPage } from './page.js';
import { carriedState, firstState, ledgerHeadOf, paceAfter, settingsOf, withEvaluation } from './run-state.js';
import { sampleInitial } from './sample-initial.js';
import { identified, recorded, steered, type Moment } from './steering-rules.js';
import type { Steerable } from './steering.js';

/** Rows kept in the run's state: what the page and the terminal show. All of them are in the run's metrics.jsonl. */
const RECENT_ITERATIONS = 6;

/** The workflow's arguments, see `training`. */
type Training = (form: RunForm, carried: RunState) => Promise<RunResult>;

/** What initial responses are sampled by. */
type Sampler = NonNullable<RunStart['ahead']> & { readonly policyVersion: number };

type Learnt = Pick<GrowAndLearnResult, 'policy' | 'controller'> & Committed;

export class Run implements Steerable {
  #stage: Moment['stage'] = 'waiting';
  #state: RunState | null = null;
  /** Iterations of this execution. */
  #done = 0;
  readonly #page = new RunPage(() => this.#running());
  readonly #evaluations = new Evaluations({
    evaluated: (summary) => this.#noteEvaluation(summary),
    failed: (policyVersion, error) => this.#noteFailure(policyVersion, error),
    endedRun: (policyVersion) => policyVersion === 0 || policyVersion === this.#running().plan.iterations,
  });
  readonly #id = workflowInfo().workflowId;

  constructor(private readonly form: RunForm) {}

  progress(): RunProgress {
    return { phase: this.#page.phase, children: this.#page.children, state: this.#state };
  }

  settings(): RunSettings {
    return settingsOf(this.form, this.#state);
  }

  ledgerHead(): LedgerHead {
    return ledgerHeadOf(this.#state);
  }

  moment(): Moment {
    const { iteration = 0, plan: { iterations } = { iterations: 0 }, steering = UNSTEERED } = this.#state ?? {};
    const steerable = this.#page.phase === 'training' || this.#page.phase === 'paused';
    return { steerable, iteration, iterations, stage: this.#stage, steering };
  }

  take(event: SteeringEvent): void {
    const state = this.#running();
    state.steering = steered(state.steering, event);
    if (event.update === 'stopAfter' || event.update === 'extendTo')
      state.plan = { ...state.plan, iterations: event.value! };
    this.#page.show();
  }

  identify(event: SteeringEvent): void {
    const state = this.#running();
    state.steering = identified(state.steering, event);
  }

  resume(state: RunState): void {
    this.#state = state;
    this.#page.train();
  }

  async prepare(): Promise<void> {
    this.#page.begin();
    const prepared = await activity('prepare', 'check configuration, model, task', { form: this.form });
    this.resume(firstState(prepared));
    this.#page.prepared(prepared);
    this.#evaluate(true);
    const { start } = prepared;
    if (start?.ahead) {
      const policyVersion = start.iteration - 1; // the parent had sampled it while it learnt that policy's successor
      this.#running().pending = await this.#sample(start.iteration, { ...start.ahead, policyVersion });
    }
  }

  async train(): Promise<RunResult> {
    const state = this.#running();
    this.#page.show();
    while (state.iteration < state.plan.iterations) {
      if (this.#isLong()) await this.#continueAsNew();
      await this.#whilePaused();
      await this.#iterate();
    }
    this.#page.enter('finishing');
    this.#evaluate(true);
    await this.#evaluations.all();
    return this.#finish();
  }

  /** The configured bound waits for evaluations, so that the training does not; the server's suggestion does not wait. */
  #isLong(): boolean {
    const { continueAsNewSuggested } = workflowInfo();
    return (
      continueAsNewSuggested ||
      (this.#done >= this.#running().plan.iterationsPerExecution && this.#evaluations.running === 0)
    );
  }

  async #whilePaused(): Promise<void> {
    const state = this.#running();
    if (state.steering.pausedSince === null) return;
    this.#page.enter('paused');
    await condition(() => state.steering.pausedSince === null);
    this.#page.enter('training');
  }

  /** Iteration m. */
  async #iterate(): Promise<void> {
    const state = this.#running();
    const m = state.iteration;
    const startedAt = Date.now();
    this.#stage = 'sampling';
    const batch = state.pending ?? (await this.#sample(m));
    const ahead = state.plan.pipeline === 'one-step-off-policy' && m + 1 < state.plan.iterations;
    const [next, learnt] = await Promise.all([ahead ? this.#sample(m + 1) : null, this.#learn(batch)]);

    this.#stage = 'waiting';
    this.#done += 1;
    state.iteration = m + 1;
    state.policy = learnt.policy;
    state.controller = learnt.controller;
    state.ledger = learnt.record;
    state.provenance = learnt.provenance;
    state.pending = next;
    state.pace = paceAfter((Date.now() - startedAt) / 1000, state.pace);
    state.recent = [...state.recent, learnt.summary].slice(-RECENT_ITERATIONS);
    this.#page.iterated(state.iteration, learnt.summary.accuracy);
    const { evaluateEvery, iterations } = state.plan;
    if (evaluateEvery > 0 && state.iteration % evaluateEvery === 0 && state.iteration < iterations)
      this.#evaluate(false);
  }

  /** Samples the initial responses of an iteration with the policy of now. Draws follow one another: the cursor moves at the end. */
  async #sample(iteration: number, { policy, policyVersion, batchSize }: Sampler = this.#now()): Promise<InitialBatch> {
    const state = this.#running();
    const { manifest, plan, cursor } = state;
    const batch = await this.#page.child(
      sampleInitial,
      {
        phase: 'sample',
        number: iteration,
        summary: `iteration ${iteration} · ${batchSize} problems × ${plan.responsesDrawn} responses, policy ${policyVersion}`,
      },
      { manifest, plan, iteration, policy, cursor, batchSize },
    );
    state.cursor = batch.cursor.after;
    state.influenceWarning = influenceWarning(plan.algorithm, batch.statistics);
    this.#page.show();
    return batch;
  }

  #now(): Sampler {
    const { policy, iteration: policyVersion, controller } = this.#running();
    return { policy, policyVersion, batchSize: controller.batchSize };
  }

  async #learn(batch: InitialBatch): Promise<Learnt> {
    const {
      manifest,
      plan,
      policy,
      controller,
      ledger: previous,
      provenance: previousProvenance,
      steering,
    } = this.#running();
    const { learningRate } = steering;
    const { responses, correct } = batch.statistics;
    this.#stage = 'learning';
    const learnt = await this.#page.child(
      growAndLearn,
      {
        phase: 'learn',
        number: batch.iteration,
        summary: `iteration ${batch.iteration} · ${responses} responses · ${Math.round((100 * correct) / responses)} % correct`,
      },
      { run: this.#id, manifest, plan, batch, policy, controller, previous, previousProvenance, learningRate },
    );
    return { policy: learnt.policy, controller: learnt.controller, ...(await this.#commit(learnt.commit)) };
  }

  /** The record takes in every update up to now; who sent them is known by then. */
  async #commit(commit: GrowAndLearnResult['commit']): Promise<Committed> {
    await condition(allHandlersFinished);
    this.#stage = 'committing';
    const state = this.#running();
    const steering = state.steering.unrecorded;
    const { iteration } = commit.batch;
    const label = `iteration ${iteration} · V = ${commit.metrics.leaves}`;
    const committed = await activity('commitIteration', label, { ...commit, steering }, state.plan);
    state.steering = recorded(state.steering, steering);
    return committed;
  }

  /** Starts an evaluation of policy m beside the training; of the run's first and last policy it is needed for the result. */
  #evaluate(needed: boolean): void {
    const { manifest, policy, iteration: policyVersion, plan } = this.#running();
    const sets = plan.evaluationSets;
    this.#evaluations.start(
      policyVersion,
      () =>
        this.#page.child(
          evaluation,
          {
            phase: 'evaluate',
            number: policyVersion,
            summary: `policy ${policyVersion} · ${sets.length} held-out sets`,
          },
          { run: this.#id, manifest, policy, policyVersion, sets, plan },
        ),
      needed,
    );
  }

  /**
   * Seen on the page from now on, and the end of the run, but not before all is trained and its model written: accelerators are
   * worth more than a figure, which `attnrl evaluate` can make up for.
   */
  #noteFailure(policyVersion: number, error: unknown): void {
    this.#running().evaluationFailure ??= evaluationFailure(policyVersion, error);
    this.#page.show();
  }

  #noteEvaluation(summary: EvaluationSummary): void {
    const state = this.#running();
    state.evaluations = withEvaluation(state.evaluations, summary);
    this.#page.evaluated(summary.mean);
  }

  async #continueAsNew(): Promise<never> {
    await this.#evaluations.all();
    await condition(allHandlersFinished);
    return continueAsNew<Training>(this.form, carriedState(this.#running()));
  }

  async #finish(): Promise<RunResult> {
    const state = this.#running();
    const { manifest, policy, evaluations, evaluationFailure: failure, plan } = state;
    const before = evaluations[0];
    const after = evaluations.at(-1);
    const folders = await activity('finishRun', `policy ${state.iteration} · write the trained model`, {
      manifest,
      run: this.#id,
      policy,
      evaluations,
    });
    if (failure) throw unjudged(failure, folders);
    if (!before || !after) throw new Error('a finished run has been evaluated before and after');
    this.#page.enter('finished');
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

  #running(): RunState {
    if (!this.#state) throw new Error('the run has not been prepared');
    return this.#state;
  }
}
