import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NO_INFLUENCE_MEANS } from '../algorithm/adaptive-sampling.js';
import { clampBatchSize } from '../algorithm/batch-size.js';
import type { ControlActivities, Prepared } from '../contracts/activities.js';
import type { ArtifactRef } from '../contracts/artifact-ref.js';
import { configHash, readConfig, type RunConfig } from '../contracts/config.js';
import { InvalidConfig } from '../contracts/errors.js';
import { SHARD_INDEX, type PolicyArtifact } from '../contracts/policy-artifact.js';
import type { ControllerState } from '../contracts/run.js';
import type { RunManifest } from '../contracts/run-manifest.js';
import type { CheckpointInfo } from '../policy/checkpoint/inspect.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import type { Task } from './task.js';
import { batchSizeSettings } from './batch.js';
import { beating } from './beat.js';
import {
  checkCheckpoint,
  checkLearner,
  checkLengths,
  checkPrompts,
  checkTask,
  checkTokenizer,
  locateModel,
} from './checks.js';
import { checkDataSet, readFork } from './fork.js';
import { putJson } from './io.js';
import type { Services } from './services.js';

/** Refuses everything that can be known to fail, then freezes what the run is. */
export const prepare =
  ({ store }: Services): ControlActivities['prepare'] =>
  async ({ form }): Promise<Prepared> => {
    const { config, problems } = readConfig(form);
    const directory = await locateModel(config.model);
    const fork = config.from && (await readFork(store, config, problems));
    const checkpoint = config.from ? undefined : await checkCheckpoint(directory, problems);
    const tokenizer = fork?.tokenizer ?? (config.from ? undefined : await checkTokenizer(directory, problems));
    const task = await checkTask(config, problems);
    const model = checkpoint ?? fork?.model;
    if (model) checkLengths(config, model, problems);
    if (model) checkLearner(config, model.configJson, problems);
    if (task && tokenizer) checkPrompts(config, task.training, tokenizer, problems);
    if (task && fork) checkDataSet(fork, task.training, problems);
    if (problems.length > 0 || !(checkpoint ?? fork) || !task) throw new InvalidConfig(problems);

    const manifest: RunManifest = {
      schema: 1,
      config,
      configHash: configHash(config),
      policy: checkpoint
        ? await beating('store the base model', importCheckpoint(store, directory, checkpoint))
        : fork!.parent.policy, // one of the two is there
      dataSetSize: task.training.size,
      evaluationSets: config.evaluation.sets ?? task.evaluation.map(({ name }) => name),
      controller: fork?.record.controller.after ?? firstController(config, task),
      ...(config.from ? { parent: config.from.record } : {}),
    };
    return {
      manifest: await putJson(store, 'manifest', manifest),
      configHash: manifest.configHash,
      model: basename(directory),
      plan: {
        algorithm: config.algorithm,
        pipeline: config.pipeline,
        iterations: config.iterations,
        iterationsPerExecution: config.iterationsPerExecution,
        evaluateEvery: config.evaluation.every,
        evaluationSets: manifest.evaluationSets,
        responsesDrawn: config.adaptiveSampling.responsesDrawn,
        ...config.distribution,
      },
      policy: fork?.record.policy.after ?? manifest.policy,
      controller: manifest.controller,
      ...(fork ? { start: fork.start } : {}),
    };
  };

function firstController(config: RunConfig, { training }: Task): ControllerState {
  const batchSize = clampBatchSize(config.sampling.problemsPerIteration, batchSizeSettings(config, training.size));
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
): Promise<ArtifactRef> {
  const present = (await readdir(directory)).filter((name) => KEPT.includes(name)).sort();
  const files: Record<string, ArtifactRef> = {};
  for (const name of present) files[name] = await store.put('model-file', join(directory, name));
  const shards: PolicyArtifact['weights'][number][] = [];
  for (const path of weights) shards.push({ name: basename(path), ref: await store.put('weights', path) });
  const policy: PolicyArtifact = { schema: 1, files, weights: shards, optimizer: null };
  return putJson(store, 'policy', policy);
}
