/**
 * AttnRL's update on packed trees of a model's own responses, beside PyTorch on the same trees (best of eager and sdpa attention,
 * with gradient checkpointing where it does not fit without), and beside the matrix products alone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LossSettings, OptimizerSettings, TrainingSequence } from '../../../contracts/engine/engine.js';
import { resolveConfig } from '../../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../../contracts/config/model-defaults.js';
import { openLearner } from '../../../policy/processes/open.js';
import { best, median, secondsOf } from '../in-turn.js';
import { freeMemory } from '../free-memory.js';
import { THREADS } from '../machine.js';
import { Peer } from '../peer.js';
import { markMemory, peakMemory } from '../process-memory.js';
import { alone, higherIsBetter, lowerIsBetter, type Row } from '../report.js';
import { SHOW_GRADIENT } from '../show-gradient.js';
import type { MeasuredModel, MeasuredName } from './model.js';
import { withSampling } from './responses.js';
import { trainingProductSeconds } from './training-products.js';
import { sampleTrees } from './trees.js';

const TREES: Readonly<Record<MeasuredName, number>> = { 'smollm2-135m': 6, 'qwen2.5-coder-0.5b': 3 };
const WARM_UPS = 1;
const STEPS = 2;
const LEAST_SHARE = 0.85;
/** 0.6 of the peer's. */
const MEMORY_RATIO = 1 / 0.6;
const TOLERATED_DIFFERENCE = 1e-4;
const MIB = 2 ** 20;

const { update: settings, sampling } = resolveConfig({}, SHIPPED_FACTS);
/** Without the frozen reference, which would be a pass of its own. */
const LOSS: LossSettings = { ...settings, temperature: sampling.temperature, klWeight: 0 };
const TORCH_LOSS = {
  temperature: LOSS.temperature,
  clipLow: LOSS.clipLow,
  clipHigh: LOSS.clipHigh,
  dualClip: LOSS.dualClip,
};

interface Measured {
  readonly seconds: number;
  /** Bytes of the whole process. */
  readonly peak: number;
}

export async function update(model: MeasuredModel, show: (rows: readonly Row[]) => void): Promise<void> {
  const trees = await withSampling(model, (engine) => sampleTrees(engine, model, TREES[model.name]));
  const tokens = trees.reduce((sum, row) => sum + row.tokens.length, 0);
  const trained = trees.reduce((sum, { weights }) => sum + weights.filter((weight) => weight > 0).length, 0);
  const name = `${model.name} · update on ${trees.length} trees, ${tokens} tokens`;
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-bench-'));
  try {
    const products = await trainingProductSeconds(model.config, tokens, trained);
    const stepped = join(folder, 'model.safetensors');
    await saveStep(model, trees, stepped, join(folder, 'optimizer.safetensors'));
    const ours = await ourUpdates(model, trees);
    console.error(`${name} · ours ${ours.seconds.toFixed(1)} s, products alone ${products.toFixed(1)} s`);
    const torch = await fastestTorch(model, trees, stepped);
    const rate = { case: name, unit: 'tokens/s', ours: tokens / ours.seconds };
    // One of the two is enough.
    const isFaster = torch.seconds >= ours.seconds;
    show([
      higherIsBetter(
        { ...rate, metric: `throughput (peer: torch, ${torch.name})`, peer: tokens / torch.seconds },
        isFaster ? 1 : undefined,
      ),
      higherIsBetter(
        { ...rate, metric: 'share of the limit (peer: products alone)', peer: tokens / products },
        isFaster ? undefined : LEAST_SHARE,
      ),
      lowerIsBetter(
        {
          case: name,
          metric: `peak memory (peer: torch, ${torch.name})`,
          unit: 'MiB',
          ours: ours.peak / MIB,
          peer: torch.peak / MIB,
        },
        MEMORY_RATIO,
      ),
      alone(
        { case: name, metric: "difference of the gradients to torch's", unit: 'relative', ours: torch.apart },
        TOLERATED_DIFFERENCE,
      ),
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function saveStep(
  model: MeasuredModel,
  trees: readonly TrainingSequence[],
  weights: string,
  optimizer: string,
): Promise<void> {
  await withLearner(model, async (learner) => {
    await learner.update(trees, LOSS, SHOW_GRADIENT, settings.tokenBudget);
    await learner.save(weights, optimizer);
  });
  await rm(optimizer);
}

function ourUpdates(model: MeasuredModel, trees: readonly TrainingSequence[]): Promise<Measured> {
  return withLearner(model, async (learner) => {
    await Promise.all(learner.pids.map(markMemory));
    const step = (optimizer: OptimizerSettings): Promise<number> =>
      secondsOf(() => learner.update(trees, LOSS, optimizer, settings.tokenBudget));
    const seconds = await medianStep(() => step(settings));
    const peaks = await Promise.all(learner.pids.map(peakMemory));
    return { seconds, peak: peaks.reduce((sum, peak) => sum + peak, 0) };
  });
}

async function withLearner<Result>(
  model: MeasuredModel,
  work: (learner: ReturnType<typeof openLearner>) => Promise<Result>,
): Promise<Result> {
  const learner = openLearner({ threads: THREADS });
  try {
    await learner.load({ policy: model.policy });
    return await work(learner);
  } finally {
    await learner.close();
  }
}

interface Torch extends Measured {
  readonly name: string;
  /** Of its gradient and ours, relative. */
  readonly apart: number;
}

/** One after the other, each in a process of its own with all the memory that is free. */
async function fastestTorch(model: MeasuredModel, trees: readonly TrainingSequence[], stepped: string): Promise<Torch> {
  const found: Torch[] = [];
  for (const attention of ['eager', 'sdpa']) {
    const plain = await torchUpdates(model, trees, stepped, { attention, checkpointing: false });
    const fitting = plain ?? (await torchUpdates(model, trees, stepped, { attention, checkpointing: true }));
    if (fitting) found.push(fitting);
  }
  const { name } = best(Object.fromEntries(found.map((one) => [one.name, one.seconds])));
  return found.find((one) => one.name === name)!;
}

/** Undefined where it runs out of memory. */
async function torchUpdates(
  { directory }: MeasuredModel,
  trees: readonly TrainingSequence[],
  stepped: string,
  variant: { readonly attention: string; readonly checkpointing: boolean },
): Promise<Torch | undefined> {
  const peer = await Peer.start('update.py');
  const name = `${variant.attention}${variant.checkpointing ? ', checkpointing' : ''}`;
  try {
    await peer.ask({ operation: 'limitMemory', bytes: await freeMemory() });
    const ask = async <Reply extends object>(request: object): Promise<Reply> => {
      const reply = await peer.ask<Reply | { readonly outOfMemory: true }>(request);
      if ('outOfMemory' in reply) throw new OutOfMemory();
      return reply;
    };
    const rows = trees.map(asNumbers);
    await ask({ operation: 'load', directory, threads: THREADS, ...variant, ...OPTIMIZER });
    const { relative: apart } = await ask<{ relative: number }>({
      operation: 'gradientDifference',
      rows,
      loss: TORCH_LOSS,
      stepped,
      learningRate: SHOW_GRADIENT.learningRate,
    });
    await markMemory(peer.pid);
    const seconds = await medianStep(async () => {
      return (await ask<{ seconds: number }>({ operation: 'update', rows, loss: TORCH_LOSS })).seconds;
    });
    console.error(`${directory} · torch ${name} ${seconds.toFixed(1)} s`);
    return { name, seconds, apart, peak: await peakMemory(peer.pid) };
  } catch (error) {
    if (error instanceof OutOfMemory) return undefined;
    throw error;
  } finally {
    await peer.close();
  }
}

class OutOfMemory extends Error {
  override readonly name = 'OutOfMemory';
}

const { learningRate, betas, eps, weightDecay, maxGradNorm } = settings;
const OPTIMIZER: OptimizerSettings = { learningRate, betas, eps, weightDecay, maxGradNorm };

/** The first step builds graphs and finds its memory. */
async function medianStep(step: () => Promise<number>): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < WARM_UPS + STEPS; i++) seconds.push(await step());
  return median(seconds.slice(WARM_UPS));
}

function asNumbers(row: TrainingSequence): Record<string, number[]> {
  const { tokens, predecessors, weights, advantages } = row;
  const columns = { tokens, predecessors, weights, advantages, oldLogProbs: row.oldLogProbs! };
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, [...values]]));
}
