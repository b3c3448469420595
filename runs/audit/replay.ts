/** Does an iteration's work again, by the activities themselves and with the engine, and compares all bits. */
import { readArtifact } from '../../store/formats/artifacts.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createActivities } from '../../activities/index.js';
import { outsideTemporal } from '../../durability/current-attempt.js';
import type { Services } from '../../services/services.js';
import type { Activities } from '../../contracts/protocol/activities.js';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { Shard } from '../../contracts/protocol/shards.js';
import { ROLES } from '../../contracts/protocol/queues.js';
import { ArtifactMissing, type ArtifactStore } from '../../store/artifact-store.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { difference, nameOf, type Findings } from './findings.js';
import { isLost, type LedgerEntry } from './ledger.js';
import { ScratchStore } from './scratch-store.js';
import { excusedNote, expectedVerdicts } from './verdicts.js';

export type ReplayServices = Pick<Services, 'engine' | 'learner' | 'verifier'>;

/** Every step starts from what was recorded, so that each difference is shown where it arises. */
export async function replayIteration(
  store: ArtifactStore,
  engines: ReplayServices,
  entry: LedgerEntry,
  findings: Findings,
): Promise<void> {
  const { iteration } = entry.record;
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-replay-'));
  try {
    const scratch = new ScratchStore(store, await LocalArtifactStore.open(join(folder, 'store')));
    await new Replay(scratch, { ...engines, store: scratch, runsFolder: join(folder, 'runs') }, entry, findings).run();
    findings.done('replay', iteration);
  } catch (error) {
    if (!isLost(error)) throw error;
    if (error instanceof ArtifactMissing)
      findings.notes.add(`iteration ${iteration} cannot be replayed: ${error.message}`);
    else findings.add('replay', iteration, `it cannot be replayed: ${error.message}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** However the work was divided, the joined result is that of one shard. */
const WHOLE: Shard = { index: 0, count: 1 };

class Replay {
  readonly #activities: Activities;

  constructor(
    private readonly store: ArtifactStore,
    services: Services,
    private readonly entry: LedgerEntry,
    private readonly findings: Findings,
  ) {
    const byRole = ROLES.map((role) => createActivities(services, role));
    this.#activities = Object.assign({}, ...byRole) as Activities;
  }

  async run(): Promise<void> {
    const { iteration, manifest, initial, policy } = this.entry.record;
    const { problems, responses, sampledBy } = initial;
    const batch = { manifest, problems, responses };
    const generated = await this.#do('generate', { manifest, iteration, policy: sampledBy, problems, shard: WHOLE });
    this.#same('the responses', generated.rollouts, responses);
    const verified = await this.#do('verify', { ...batch, branches: null });
    await this.#sameVerdicts('responses', verified.verdicts, initial.verdicts);
    const scored = await this.#do('scoreInitial', { ...batch, policy: sampledBy });
    this.#same('their scores', scored.scores, initial.scores);
    await this.#branches();
    await this.#update(policy);
  }

  async #branches(): Promise<void> {
    const { iteration, manifest, initial, branches, policy } = this.entry.record;
    if (!branches) return;
    const { problems, responses } = initial;
    const batch = { manifest, problems, responses };
    const { points, rollouts } = branches;
    const generated = await this.#do('generateBranches', {
      ...batch,
      iteration,
      policy: policy.before,
      points,
      shard: WHOLE,
    });
    this.#same('the branches', generated.rollouts, rollouts);
    const verified = await this.#do('verify', { ...batch, branches: rollouts });
    await this.#sameVerdicts('branches', verified.verdicts, branches.verdicts);
    const scored = await this.#do('scoreBranches', { ...batch, policy: policy.before, branches: rollouts });
    this.#same('their scores', scored.scores, branches.scores);
  }

  async #update({ before, after }: { before: ArtifactRef<'policy'>; after: ArtifactRef<'policy'> }): Promise<void> {
    const { iteration, manifest, rows, metrics, learningRate } = this.entry.record;
    if (metrics.update === null) return;
    const updated = await this.#do('update', {
      manifest,
      iteration,
      policy: before,
      rows,
      ...(learningRate === null ? {} : { learningRate }),
    });
    this.#same('the policy', updated.policy, after);
    // Runs of older versions report a divergence, computed from zeros, even where there was no reference.
    const told = updated.update.kl === null ? { ...metrics.update, kl: null } : metrics.update;
    const differs = difference(told, updated.update);
    if (differs !== undefined) this.#fail(`of the update, ${differs}`);
  }

  #do<Name extends keyof Activities>(
    name: Name,
    input: Parameters<Activities[Name]>[0],
  ): Promise<Awaited<ReturnType<Activities[Name]>>> {
    const activity = this.#activities[name] as (input: unknown) => Promise<Awaited<ReturnType<Activities[Name]>>>;
    return outsideTemporal(() => activity(input));
  }

  #same(what: string, made: ArtifactRef, recorded: ArtifactRef): void {
    if (made.sha256 !== recorded.sha256) this.#fail(`${what}: ${nameOf(made)} instead of ${nameOf(recorded)}`);
  }

  async #sameVerdicts(what: string, made: ArtifactRef<'verdicts'>, recorded: ArtifactRef<'verdicts'>): Promise<void> {
    if (made.sha256 === recorded.sha256) return;
    const again = await readArtifact(this.store, made);
    const before = await readArtifact(this.store, recorded);
    const { expected, excused } = expectedVerdicts(before, again.verdicts);
    const differs = difference(before, expected);
    if (differs !== undefined) this.#fail(`the verdicts on the ${what}: ${differs}`);
    else this.findings.notes.add(excusedNote(this.entry.record.iteration, what, excused));
  }

  #fail(problem: string): void {
    this.findings.add('replay', this.entry.record.iteration, problem);
  }
}
