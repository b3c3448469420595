import { readArtifact, writeArtifact } from '../store/formats/artifacts.js';
import { childId } from '../contracts/protocol/child-ids.js';
import type { Committed, ControlActivities } from '../contracts/protocol/activities.js';
import type { ActivityTrace, WorkerDescription } from '../contracts/artifacts/iteration-provenance.js';
import type { IterationRecord } from '../contracts/artifacts/iteration-record.js';
import type { IterationSummary } from '../contracts/protocol/run.js';
import { LEDGER_FILE, type LedgerLine } from '../contracts/artifacts/ledger-line.js';
import { currentAttempt } from '../durability/current-attempt.js';
import { serverClient } from '../durability/temporal-adapter.js';
import { historyOf, tracedActivities } from '../services/histories.js';
import { writeLine } from '../services/run-folder.js';
import type { Services } from '../services/services.js';
import { workerDescription } from '../services/worker-description.js';

type CommitIteration = ControlActivities['commitIteration'];
type Input = Parameters<CommitIteration>[0];

/**
 * Writes the record of an iteration and its provenance, each chained to the one before, and mirrors them and the metrics in the
 * run's folder. The record is the same each time; the provenance tells of this time. The mirror's lines replace their earlier selves
 * and what follows them: so an attempt that the server has given up must not write them.
 */
export const commitIteration =
  (services: Services): CommitIteration =>
  async (input): Promise<Committed> => {
    const { store } = services;
    const { run, metrics } = input;
    const { iteration } = input.batch;
    const record = await recordOf(services, input);
    const ref = await writeArtifact(store, 'iteration-record', record);
    const summary: IterationSummary = {
      ...metrics,
      iteration,
      seconds: Object.fromEntries(
        Object.entries(input.seconds).map(([phase, s]) => [phase, Math.round(s * 1000) / 1000]),
      ),
      tokensPerSecond: Math.round(input.tokensPerSecond),
    };
    const activities = await tracesOf(run, iteration);
    const provenance = await writeArtifact(store, 'iteration-provenance', {
      schema: 1,
      run,
      iteration,
      record: ref,
      previous: input.previousProvenance,
      seconds: summary.seconds,
      tokensPerSecond: summary.tokensPerSecond,
      activities,
      workers: await workersOf(services, activities),
    });

    await currentAttempt().stillAsked();
    await writeLine(services, run, 'metrics.jsonl', { number: iteration, value: summary });
    const line: Omit<LedgerLine, 'number'> = { sha256: ref.sha256, bytes: ref.bytes, provenance, ...record };
    await writeLine(services, run, LEDGER_FILE, { number: iteration, value: line });
    return { record: ref, provenance, summary };
  };

async function recordOf({ store }: Services, input: Input): Promise<IterationRecord> {
  const { manifest, batch, branches, tree, rows, controller, policy, metrics, learningRate, steering } = input;
  const { iteration, sampledBy, cursor, problems, responses, verdicts, scores } = batch;
  const { config, configHash } = await readArtifact(store, manifest);
  return {
    schema: 2,
    iteration,
    previous: input.previous,
    manifest,
    configHash,
    seed: config.seed,
    initial: { sampledBy, cursor, problems, responses, verdicts, scores },
    branches,
    tree,
    rows,
    controller,
    policy,
    metrics,
    learningRate,
    steering,
  };
}

/** Of both children of the iteration; of a child that the server has forgotten (a run that slept for long), nothing. */
async function tracesOf(run: string, iteration: number): Promise<ActivityTrace[]> {
  const client = serverClient();
  const children = [childId(run, 'sample', iteration), childId(run, 'learn', iteration)];
  const traced = await Promise.all(
    children.map(async (workflow) => {
      const history = await historyOf(client, workflow);
      return history ? tracedActivities(workflow, history, client.options.loadedDataConverter) : [];
    }),
  );
  return traced.flat().map(({ trace }) => trace);
}

async function workersOf(
  { store }: Services,
  activities: readonly ActivityTrace[],
): Promise<Record<string, WorkerDescription | null>> {
  const identities = [...new Set(activities.map(({ worker }) => worker))];
  const described = await Promise.all(identities.map((identity) => workerDescription(store, identity)));
  return Object.fromEntries(identities.map((identity, i) => [identity, described[i]]));
}
