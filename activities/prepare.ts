import { writeArtifact } from '../store/formats/artifacts.js';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NO_INFLUENCE_MEANS } from '../algorithm/adaptive-sampling.js';
import { clampBatchSize } from '../algorithm/batch-size.js';
import type { ControlActivities, Prepared } from '../contracts/protocol/activities.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import { configHash } from '../contracts/config/resolve.js';
import { type RunConfig } from '../contracts/config/run-config.js';
import { InvalidConfig } from '../contracts/errors/run-errors.js';
import { SHARD_INDEX, type PolicyArtifact } from '../contracts/artifacts/policy-artifact.js';
import type { ControllerState } from '../contracts/protocol/run.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import type { CheckpointInfo } from '../policy/model/checkpoint/inspect.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { moduleHash } from '../tasks/verifiers.js';
import type { Task } from '../tasks/task.js';
import { batchSizeSettings } from '../iteration/batch.js';
import { withHeartbeats } from '../durability/heartbeat.js';
import { activityInfo } from '../durability/temporal-adapter.js';
import { checkInput } from '../services/input/check-input.js';
import { claimFolder } from '../services/run-folder.js';
import type { Services } from '../services/services.js';

/** Refuses everything that can be known to fail, then freezes what the run is, and takes its folder. */
export const prepare =
  (services: Services): ControlActivities['prepare'] =>
  async ({ form, evaluationOnly = false }): Promise<Prepared> => {
    const { store } = services;
    const checking = checkInput(form, { store, evaluationOnly });
    const { config, problems, directory, policy, task } = await withHeartbeats('look at model and problems', checking);
    if (problems.length > 0 || !policy || !task) throw new InvalidConfig(problems);

    const fork = 'fork' in policy ? policy.fork : undefined;
    const { training } = task;
    const evaluationSets = config.evaluation.sets ?? task.evaluation.map(({ name }) => name);
    const evaluationData = dataOf(task, evaluationSets);
    const verifierModule = await moduleHash(config.verifier);
    const manifest: RunManifest = {
      schema: 1,
      config,
      configHash: configHash(config),
      policy:
        'fork' in policy
          ? policy.fork.parent.policy
          : await withHeartbeats('store the base model', importCheckpoint(store, directory, policy.checkpoint)),
      dataSetSize: training?.size ?? 0,
      ...(training?.sha256 === undefined ? {} : { dataSetSha256: training.sha256 }),
      evaluationSets,
      ...(evaluationData && { evaluationData }),
      ...(verifierModule === undefined ? {} : { verifierModule }),
      controller: fork?.record.controller.after ?? firstController(config, task),
      ...(config.from ? { parent: config.from.record } : {}),
    };
    const ref = await writeArtifact(store, 'manifest', manifest);
    const { workflowId: run, runId } = activityInfo().workflowExecution!;
    await claimFolder(services, { run, owner: evaluationOnly ? ref.sha256 : runId });
    return {
      manifest: ref,
      configHash: manifest.configHash,
      model: basename(directory),
      plan: {
        algorithm: config.algorithm,
        pipeline: config.pipeline,
        iterations: config.iterations,
        iterationsPerExecution: config.iterationsPerExecution,
        evaluateEvery: config.evaluation.every,
        evaluationSets,
        responsesDrawn: config.adaptiveSampling.responsesDrawn,
        ...config.distribution,
      },
      policy: fork?.record.policy.after ?? manifest.policy,
      controller: manifest.controller,
      ...(fork ? { start: fork.start } : {}),
    };
  };

function dataOf({ evaluation }: Task, sets: readonly string[]): RunManifest['evaluationData'] {
  const inFiles = evaluation.flatMap(({ name, size, sha256 }) =>
    sets.includes(name) && sha256 !== undefined ? [[name, { size, sha256 }] as const] : [],
  );
  return inFiles.length > 0 ? Object.fromEntries(inFiles) : undefined;
}

function firstController(config: RunConfig, { training }: Task): ControllerState {
  const batchSize = clampBatchSize(
    config.sampling.problemsPerIteration,
    batchSizeSettings(config, training?.size ?? 0),
  );
  return { batchSize, means: NO_INFLUENCE_MEANS };
}

/** Files of a checkpoint that a policy needs, or that others expect beside its weights. */
const KEPT = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  SHARD_INDEX,
];

async function importCheckpoint(
  store: ArtifactStore,
  directory: string,
  { weights }: CheckpointInfo,
): Promise<ArtifactRef<'policy'>> {
  const present = (await readdir(directory)).filter((name) => KEPT.includes(name)).sort();
  const files: Record<string, ArtifactRef<'model-file'>> = {};
  for (const name of present) files[name] = await store.put('model-file', join(directory, name));
  const shards: PolicyArtifact['weights'][number][] = [];
  for (const path of weights) shards.push({ name: basename(path), ref: await store.put('weights', path) });
  const policy: PolicyArtifact = { schema: 1, files, weights: shards, optimizer: null };
  return writeArtifact(store, 'policy', policy);
}
