/**
 * Floating-point operations per second of this machine in the three kinds of work, by our own engine and learner on one layer of
 * the model's width: what a whole model does per second follows from how many operations it takes.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStream, Purpose, uniformAt } from '../../algorithm/random.js';
import { resolveConfig } from '../../contracts/config/resolve.js';
import { type RunConfig } from '../../contracts/config/run-config.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';
import type { InferenceEngine, Learner, PolicyFiles, RolloutRequest } from '../../contracts/engine/engine.js';
import { modelConfigJson, parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import { openInferenceEngine, openLearner } from '../../policy/processes/open.js';
import { type Limits, LIMITS } from '../../policy/limits.js';
import type { ModelConfig } from '../../policy/model/config.js';
import { hasLargeWeights, packsOnce } from '../../policy/model/large.js';
import { toHuggingFaceShapes } from '../../policy/model/parameters.js';
import { writeSafetensors } from '../../store/safetensors/file.js';
import { modelSize, type ModelSize } from './model-size.js';

/** Per second. */
export interface Rates {
  readonly generate: number;
  readonly score: number;
  readonly learn: number;
}

/** A backward pass takes twice what a forward pass does. */
export const FLOPS_OF_LEARNING = 3;

const VOCABULARY = 1024;
/** Rows that are generated at once, and new tokens of each: enough for full-speed products. */
const ROWS = 16;
const NEW_TOKENS = 48;
const PREFIX_TOKENS = 16;
const SCORED_TOKENS = 256;
/** Of one mini-batch; the learner makes micro-batches of at least 512. */
const TRAINED_TOKENS = 512;

/** Takes half a minute where a layer has 50 million parameters. */
export async function measureRates(model: ModelConfig, settings: RunConfig['engine']): Promise<Rates> {
  const probe: ModelConfig = {
    ...model,
    layers: 1,
    vocabSize: VOCABULARY,
    tiedHead: true,
    maxPositions: Math.max(model.maxPositions, TRAINED_TOKENS),
  };
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-probe-'));
  const { threads, ...others } = settings;
  const handling = { limits: limitsOf(model, settings), ...(threads > 0 && { threads }) };
  const engine = openInferenceEngine({ ...others, ...handling, slots: ROWS });
  const learner = openLearner(handling);
  try {
    const policy = await writeProbe(probe, folder);
    await engine.load(policy);
    const size = modelSize(probe);
    const generate = await generationRate(engine, policy, size);
    const score = await scoringRate(engine, policy, size);
    await engine.close();
    return { generate, score, learn: await learningRate(learner, policy, size) };
  } finally {
    await Promise.all([engine.close(), learner.close()]);
    await rm(folder, { recursive: true });
  }
}

/** By which one layer is handled as the whole model would be. */
function limitsOf(model: ModelConfig, settings: RunConfig['engine']): Limits {
  if (!hasLargeWeights(model)) return LIMITS;
  const packedOnceParameters = packsOnce(model, settings) ? Number.MAX_SAFE_INTEGER : 0;
  return {
    ...LIMITS,
    model: { ...LIMITS.model, packedParameters: 0, packedOnceParameters },
    processes: { ...LIMITS.processes, bytesEverywhere: 0 },
  };
}

async function generationRate(engine: InferenceEngine, { id }: PolicyFiles, size: ModelSize): Promise<number> {
  const requests = (newTokens: number): RolloutRequest[] =>
    Array.from({ length: ROWS }, (_, problem) => ({
      prefix: tokens(PREFIX_TOKENS, problem),
      uniforms: { kind: 'counter', key: { runSeed: 0, iteration: 0, problem, response: 0, branch: 0 } },
      maxNewTokens: newTokens,
      temperature: 1,
      stopIds: [VOCABULARY - 1],
    }));
  await engine.generate(id, requests(1)); // builds the graphs
  const { seconds, result } = await timed(engine.generate(id, requests(NEW_TOKENS)));
  const made = result.reduce((sum, rollout) => sum + rollout.tokens.length, 0);
  return (made * (size.flopsPerToken + size.flopsPerAttended * (PREFIX_TOKENS + NEW_TOKENS / 2))) / seconds;
}

async function scoringRate(engine: InferenceEngine, { id }: PolicyFiles, size: ModelSize): Promise<number> {
  const requests = (rows: number) =>
    Array.from({ length: rows }, (_, row) => ({
      tokens: tokens(SCORED_TOKENS, row),
      promptLength: 16,
      temperature: 1,
    }));
  await engine.score(id, requests(1));
  const { seconds } = await timed(engine.score(id, requests(8)));
  return (8 * SCORED_TOKENS * flopsOf(size, SCORED_TOKENS / 2)) / seconds;
}

async function learningRate(learner: Learner, policy: PolicyFiles, size: ModelSize): Promise<number> {
  const { update } = resolveConfig({ update: { klWeight: 0 } }, SHIPPED_FACTS);
  const row = tokens(TRAINED_TOKENS, 0);
  const sequence = {
    tokens: row,
    predecessors: Int32Array.from(row, (_, t) => t - 1),
    weights: new Float32Array(row.length).fill(1, 1),
    advantages: new Float32Array(row.length).fill(1),
    oldLogProbs: new Float32Array(row.length).fill(-1),
  };
  await learner.load({ policy });
  const step = () => learner.update([sequence], { ...update, temperature: 1 }, update, TRAINED_TOKENS);
  await step();
  const { seconds } = await timed(step());
  return (TRAINED_TOKENS * FLOPS_OF_LEARNING * flopsOf(size, TRAINED_TOKENS / 2)) / seconds;
}

function flopsOf({ flopsPerToken, flopsPerAttended }: ModelSize, context: number): number {
  return flopsPerToken + flopsPerAttended * context;
}

async function timed<T>(work: Promise<T>): Promise<{ seconds: number; result: T }> {
  const start = performance.now();
  const result = await work;
  return { seconds: (performance.now() - start) / 1000, result };
}

function tokens(count: number, row: number): Int32Array {
  const stream = openStream(row, Purpose.task, [count]);
  return Int32Array.from({ length: count }, (_, t) => Math.floor(uniformAt(stream, t) * (VOCABULARY - 1)));
}

/** Small values that repeat: products take as long as with any others. */
async function writeProbe(model: ModelConfig, folder: string): Promise<PolicyFiles> {
  const stream = openStream(0, Purpose.initialWeights);
  const pattern = Float32Array.from({ length: 4093 }, (_, i) => 0.04 * (uniformAt(stream, i) - 0.5));
  const tensors = [...toHuggingFaceShapes(model)].map(([name, shape]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, (_, i) =>
      name.endsWith('norm.weight') ? 1 : pattern[i % pattern.length],
    );
    return [name, { shape, data }] as const;
  });
  const path = join(folder, 'model.safetensors');
  await writeSafetensors(path, Object.fromEntries(tensors));
  const config = modelConfigJson(model);
  const parsed = parseModelConfig(config);
  if ('problems' in parsed) throw new Error(`the probe's shape is refused: ${JSON.stringify(parsed.problems)}`);
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return { id: 'probe', config, weights: [path] };
}
