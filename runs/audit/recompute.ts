/**
 * Takes every decision of an iteration again, from its artifacts and by the functions that the activities call, and compares. What
 * needs the model (tokens, log-probs, influence, the update) is left to the replay.
 */
import { readArtifact } from '../../store/formats/artifacts.js';
import { FIRST_PROBLEM } from '../../algorithm/data-order.js';
import { miniBatches } from '../../algorithm/mini-batches.js';
import { readBatch, readBranches, readPrefixes } from '../../services/batches.js';
import { planBranches } from '../../iteration/branch-plan.js';
import { ProblemDraw } from '../../iteration/draw.js';
import type { ProblemBatch } from '../../contracts/artifacts/documents.js';
import type { StoredRollout } from '../../contracts/artifacts/stored-rollout.js';
import { encodeRows } from '../../store/formats/rows.js';
import type { StoredRow } from '../../contracts/artifacts/stored-row.js';
import { Judge, verifierOf } from '../../services/judge.js';
import { promptsOf, tokenizerOf } from '../../services/policies.js';
import type { Prefixes } from '../../iteration/prefixes.js';
import type { Services } from '../../services/services.js';
import { stepEnds, stepsOf } from '../../iteration/step-ranges.js';
import { trainingSet, type Task } from '../../tasks/task.js';
import { filterGrown, growProblem, measure, nextDraw, NO_BRANCHES, trainingRow } from '../../iteration/trees.js';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import { stepSettings } from '../../contracts/config/run-config.js';
import type { ControllerState } from '../../contracts/protocol/run.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import { Comparison } from './comparison.js';
import { branchPlaces, endsAsItShould, initialPlaces, placeOf } from './expected-rollouts.js';
import { nameOf, type Check, type Findings } from './findings.js';
import { isLost, type LedgerEntry } from './ledger.js';
import { statisticsOf } from './statistics.js';
import type { TaskOpener } from './task-opener.js';
import { excusedNote, expectedVerdicts } from './verdicts.js';

/** @param before the entry of the iteration before, where it can be read */
export async function recompute(
  store: ArtifactStore,
  entry: LedgerEntry,
  before: LedgerEntry | undefined,
  services: RecomputeServices,
  findings: Findings,
): Promise<void> {
  const work = new Recomputation(store, entry, before, services, findings);
  await work.check('draw', () => work.draw());
  await work.check('responses', () => work.responses());
  await work.check('branching', () => work.branching());
  await work.check('tree', () => work.tree());
  await work.check('state', () => work.state());
}

type Tokenizer = Awaited<ReturnType<typeof tokenizerOf>>;

export interface RecomputeServices extends Pick<Services, 'verifier'> {
  readonly openTask: TaskOpener;
}

class Recomputation {
  readonly #compare: Comparison;

  constructor(
    private readonly store: ArtifactStore,
    private readonly entry: LedgerEntry,
    private readonly before: LedgerEntry | undefined,
    private readonly services: RecomputeServices,
    private readonly findings: Findings,
  ) {
    this.#compare = new Comparison(store, entry.record.iteration, findings);
  }

  /** What is lost is found where artifacts are checked; what it leads to cannot be told. `false`: not done, a note says why. */
  async check(check: Check, work: () => Promise<unknown>): Promise<void> {
    const { iteration } = this.entry.record;
    try {
      if ((await work()) !== false) this.findings.done(check, iteration);
    } catch (error) {
      if (isLost(error))
        this.findings.notes.add(`iteration ${iteration}: ${check} not recomputed, an artifact is lost`);
      else this.#compare.fail(check, `it cannot be recomputed: ${(error as Error).message}`);
    }
  }

  async draw(): Promise<boolean> {
    const { record, manifest } = this.entry;
    const { cursor, problems } = record.initial;
    const start = this.before?.record.initial.cursor.after ?? FIRST_PROBLEM;
    if (this.before || record.iteration === 0)
      this.#compare.values('draw', cursor.before, start, 'the cursor before the draw');
    this.#drawSize((await readArtifact(this.store, problems)).problems.length);

    const source = await this.#source();
    if (!source) return false;
    const draw = new ProblemDraw(manifest, source, await promptsOf(this.store, manifest.policy), cursor.before);
    const { length } = (await readArtifact(this.store, problems)).problems;
    for (let seen = 0; draw.problems.length < length && seen <= length; seen += 1) draw.advance(length);
    await this.#compare.json('draw', problems, { problems: draw.problems } satisfies ProblemBatch);
    this.#compare.values('draw', cursor.after, draw.cursor, 'the cursor after the draw');
    this.#compare.values('draw', record.metrics.skippedPrompts, draw.skippedPrompts, 'skipped prompts');
    return true;
  }

  /** The problems that were drawn from; undefined where they are not what they were, which says nothing about the run. */
  async #source(): Promise<Task['training']> {
    const { manifest } = this.entry;
    try {
      return trainingSet(await this.services.openTask(manifest.config), manifest);
    } catch (error) {
      this.findings.notes.add(`draws were not repeated: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** A batch is sized, and sampled, by what was known when its sampling began: one iteration ahead, or on policy. */
  #drawSize(drawn: number): void {
    const { record, manifest } = this.entry;
    const known = [{ controller: record.controller.before, policy: record.policy.before }];
    if (manifest.config.pipeline === 'one-step-off-policy' && this.before) {
      const { controller, policy } = this.before.record;
      known.push({ controller: controller.before, policy: policy.before });
    } else if (!this.before && record.iteration > 0) return;
    const fits = known.some(
      ({ controller, policy }) => controller.batchSize === drawn && policy.sha256 === record.initial.sampledBy.sha256,
    );
    if (fits) return;
    const allowed = known.map(({ controller, policy }) => `${controller.batchSize} by ${nameOf(policy)}`).join(' or ');
    this.#compare.fail(
      'draw',
      `${drawn} problems were sampled by ${nameOf(record.initial.sampledBy)}, expected: ${allowed}`,
    );
  }

  async responses(): Promise<void> {
    const { record, manifest } = this.entry;
    const { initial, branches } = record;
    const { sampling, adaptiveSampling, branching } = manifest.config;
    const { separator } = stepSettings(manifest.config);
    const tokenizer = await tokenizerOf(this.store, manifest.policy);
    const prefixes = await readPrefixes(this.store, initial);
    const asked = initialPlaces(prefixes.problems.length, adaptiveSampling.responsesDrawn);
    this.#places('the initial responses', prefixes.initial, asked);
    this.#ends('response', prefixes.initial, sampling.maxResponseTokens, tokenizer.eosIds);
    const judge = await this.#judge(prefixes, tokenizer);
    await this.#verdicts('responses', prefixes.initial, initial.verdicts, judge);

    const scores = await readArtifact(this.store, initial.scores);
    prefixes.initial.forEach(({ tokens, problem, response }, i) => {
      const { length } = prefixes.problems[problem].prompt;
      const expected = [...stepEnds(stepsOf(length, tokens, tokenizer, separator), length)];
      this.#compare.values(
        'responses',
        [...scores[i].stepEnds],
        expected,
        `the steps of response ${problem}/${response}`,
      );
    });
    if (!branches) return;

    const plan = await readArtifact(this.store, branches.points);
    const rollouts = await readArtifact(this.store, branches.rollouts);
    this.#places('the branches', rollouts, branchPlaces(plan, branching.rolloutsPerPoint));
    this.#ends('branch', rollouts, sampling.maxResponseTokens, tokenizer.eosIds);
    await this.#verdicts('branches', rollouts, branches.verdicts, judge);
  }

  /** Undefined where nobody can judge as the run did, which says nothing about the run. */
  async #judge(prefixes: Prefixes, tokenizer: Tokenizer): Promise<Judge | undefined> {
    try {
      return new Judge(await verifierOf(this.entry.manifest, this.services), prefixes, tokenizer);
    } catch (error) {
      this.findings.notes.add(`verdicts were not repeated: ${(error as Error).message}`);
      return undefined;
    }
  }

  async #verdicts(
    what: string,
    rollouts: readonly StoredRollout[],
    recorded: ArtifactRef<'verdicts'>,
    judge: Judge | undefined,
  ): Promise<void> {
    if (!judge) return;
    const again = await Promise.all(rollouts.map((rollout) => judge.verdict(rollout)));
    const { expected, excused } = expectedVerdicts(await readArtifact(this.store, recorded), again);
    if (excused > 0) this.findings.notes.add(excusedNote(this.entry.record.iteration, what, excused));
    await this.#compare.json('responses', recorded, expected);
  }

  #places(what: string, rollouts: readonly StoredRollout[], asked: readonly object[]): void {
    this.#compare.values('responses', rollouts.map(placeOf), asked, what);
  }

  #ends(what: string, rollouts: readonly StoredRollout[], limit: number, stops: readonly number[]): void {
    for (const rollout of rollouts.filter((one) => !endsAsItShould(one, limit, stops))) {
      const { problem, response, branch } = rollout;
      this.#compare.fail('responses', `${what} ${problem}/${response}/${branch} does not end as it should`);
    }
  }

  async branching(): Promise<void> {
    const { record, manifest } = this.entry;
    if (!record.branches) return;
    const problems = await this.#batch();
    const { plan } = planBranches(problems, manifest.config, record.iteration, record.controller.before);
    await this.#compare.json('branching', record.branches.points, plan);
  }

  async tree(): Promise<void> {
    const { trees, rows } = await this.#grow();
    await this.#compare.json('tree', this.entry.record.tree, { problems: trees });
    await this.#compare.arrays('tree', this.entry.record.rows, encodeRows(rows));
  }

  async state(): Promise<void> {
    const { record, manifest } = this.entry;
    const { controller, policy, metrics } = record;
    if (this.before || record.iteration === 0) {
      const { controller: state, policy: made } = this.before?.record ?? {
        controller: { after: manifest.controller },
        policy: { after: manifest.policy },
      };
      this.#compare.values('state', controller.before, state.after, 'the sampling state before');
      this.#compare.values('state', policy.before, made.after, 'policy m');
    }
    const { trees, rows, branches, leafPaths } = await this.#grow();
    const { update } = metrics;
    const batchSize = nextDraw(controller.before.batchSize, leafPaths, manifest);
    this.#compare.values(
      'state',
      controller.after,
      { ...(await this.#means()), batchSize },
      'the sampling state after',
    );
    const measured = measure(await statisticsOf(this.store, this.entry), trees, rows, branches, leafPaths);
    this.#compare.values('state', metrics, { ...measured, nextBatchSize: batchSize, update }, 'metrics');
    this.#update(rows);
  }

  #update(rows: readonly StoredRow[]): void {
    const { record, manifest } = this.entry;
    const { update } = record.metrics;
    if (update === null || rows.length === 0) {
      if (update !== null || rows.length > 0)
        this.#compare.fail('state', 'an update without training rows, or rows without one');
      this.#compare.values('state', record.policy.after, record.policy.before, 'the policy after no update');
      return;
    }
    const { config } = manifest;
    const paths = rows.map((row) => row.paths);
    const steps = miniBatches(paths, config.update.miniBatchPaths, config.seed, record.iteration).length;
    const tokens = rows.reduce(
      (sum, { sequence }) => sum + sequence.weights.reduce((all, weight) => all + weight, 0),
      0,
    );
    this.#compare.values('state', { steps: update.steps, tokens: update.tokens }, { steps, tokens }, 'the update');
  }

  async #means(): Promise<ControllerState> {
    const { record, manifest } = this.entry;
    const { before } = record.controller;
    if (!record.branches) return before;
    return planBranches(await this.#batch(), manifest.config, record.iteration, before).controller;
  }

  #batch(): ReturnType<typeof readBatch> {
    const { record, manifest } = this.entry;
    return readBatch(this.store, record.initial, manifest.config);
  }

  async #grow() {
    const { record, manifest } = this.entry;
    const { config } = manifest;
    const branches = record.branches ? await readBranches(this.store, record.branches) : NO_BRANCHES;
    const grown = (await this.#batch()).map((problem) => growProblem(problem, branches, config));
    const { trees, kept, leafPaths } = filterGrown(grown, branches, config);
    return { branches, leafPaths, trees, rows: kept.map(trainingRow) };
  }
}
