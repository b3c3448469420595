import { readArtifact, writeArtifact } from '../store/formats/artifacts.js';
import { ApplicationFailure } from '@temporalio/common';
import { miniBatches } from '../algorithm/mini-batches.js';
import type { LearnerActivities } from '../contracts/protocol/activities.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { Learner, LearnerState, StepProgress, UpdateMetrics } from '../contracts/engine/engine.js';
import { NonFiniteUpdate } from '../contracts/errors/engine-errors.js';
import { SHARD_INDEX, type PolicyArtifact } from '../contracts/artifacts/policy-artifact.js';
import type { UpdateSummary } from '../contracts/protocol/run.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { withHeartbeats, yieldToEvents, cancellable, cancellation } from '../durability/heartbeat.js';
import { defineActivity } from './define-activity.js';
import { retryWhileStoreIsAway } from '../durability/failures.js';
import { policyFiles } from '../services/policies.js';

type Update = LearnerActivities['update'];

/** One epoch over the iteration's rows in mini-batches: policy m becomes policy m+1. */
export const update = defineActivity('update', async (context, input) => {
  const { store, manifest } = context;
  const { config } = manifest;
  const policy = await readArtifact(store, input.policy);
  const rows = await readArtifact(store, input.rows);
  const learner = await withHeartbeats('open the learner', context.learner(config.engine, config.learner));
  // A micro-batch of a large policy takes minutes: it is dropped with its process. The next attempt begins at policy m again.
  const drop = (): void => void learner.close();
  const load = async (): Promise<void> => learner.load(await learnerState(store, policy, manifest));
  await cancellable(withHeartbeats('load the policy', load()), drop);

  const batches = miniBatches(
    rows.map(({ paths }) => paths),
    config.update.miniBatchPaths,
    config.seed,
    input.iteration,
  );
  const optimizer = { ...config.update, learningRate: input.learningRate ?? config.update.learningRate };
  const metrics: UpdateMetrics[] = [];
  for (const batch of batches) {
    await yieldToEvents();
    let microBatches: StepProgress | undefined;
    const step = learner.update(
      batch.map((row) => rows[row].sequence),
      { ...config.update, temperature: config.sampling.temperature },
      optimizer,
      config.update.tokenBudget,
      { onProgress: (progress) => (microBatches = progress), signal: cancellation() },
    );
    const checked = step.catch((error: unknown) => refuse(error, input, metrics.length));
    const progress = () => ({
      done: metrics.length,
      total: batches.length,
      ...(microBatches && { microBatches }),
    });
    metrics.push(await cancellable(withHeartbeats('update', checked, progress), drop));
  }
  const save = () => cancellable(withHeartbeats('save the policy', savePolicy(store, learner, policy)), drop);
  const saved = await retryWhileStoreIsAway(save);
  await learner.rest();
  return {
    policy: saved,
    update: summarise(metrics),
  };
});

async function learnerState(store: ArtifactStore, policy: PolicyArtifact, run: RunManifest): Promise<LearnerState> {
  const state = { policy: await policyFiles(store, policy) };
  const optimizer = policy.optimizer && { optimizer: await store.localPath(policy.optimizer) };
  if (run.config.update.klWeight === 0) return { ...state, ...optimizer };
  const reference = await policyFiles(store, await readArtifact(store, run.policy));
  return { ...state, ...optimizer, reference };
}

/** A loss that is not finite would be so again: the run stops and names the batch; policy m stays. */
function refuse(error: unknown, { iteration, rows, policy }: Parameters<Update>[0], step: number): never {
  if (!(error instanceof NonFiniteUpdate)) throw error;
  throw ApplicationFailure.create({
    type: error.name,
    nonRetryable: true,
    cause: error,
    message:
      `iteration ${iteration}, optimiser step ${step}: ${error.message}. The update was refused; ` +
      `the previous policy is kept (artifact ${policy.sha256}), the training rows are artifact ${rows.sha256}.`,
    details: [{ iteration, step, rows, policy }],
  });
}

async function savePolicy(
  store: ArtifactStore,
  learner: Learner,
  before: PolicyArtifact,
): Promise<ArtifactRef<'policy'>> {
  const [weights, optimizer] = await store.putWritten(['weights', 'optimizer'], ([weights, optimizer]) =>
    learner.save(weights, optimizer),
  );
  const { [SHARD_INDEX]: _, ...files } = before.files; // the learner writes one file, however many there were
  const after: PolicyArtifact = { ...before, files, weights: [{ name: 'model.safetensors', ref: weights }], optimizer };
  return writeArtifact(store, 'policy', after);
}

/** Means over the tokens trained on; of the gradient's norm, over the steps. */
function summarise(metrics: readonly UpdateMetrics[]): UpdateSummary {
  const tokens = metrics.reduce((sum, step) => sum + step.tokens, 0);
  const mean = (field: 'loss' | 'kl' | 'entropy' | 'clipFraction'): number =>
    metrics.reduce((sum, step) => sum + (step[field] ?? 0) * step.tokens, 0) / tokens;
  return {
    steps: metrics.length,
    loss: mean('loss'),
    kl: metrics.some(({ kl }) => kl === null) ? null : mean('kl'),
    entropy: mean('entropy'),
    clipFraction: mean('clipFraction'),
    gradNorm: metrics.reduce((sum, step) => sum + step.gradNorm, 0) / metrics.length,
    tokens,
  };
}
