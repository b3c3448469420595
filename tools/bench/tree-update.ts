/** The update of a mini-batch of the default run: its trees packed, and the same leaf by leaf. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeRows } from '../../store/formats/rows.js';
import type { StoredRow } from '../../contracts/artifacts/stored-row.js';
import { miniBatches } from '../../algorithm/mini-batches.js';
import { resolveConfig } from '../../contracts/config/resolve.js';
import { type RunConfig } from '../../contracts/config/run-config.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';
import type { LearnerState, OptimizerSettings, TrainingSequence } from '../../contracts/engine/engine.js';
import { openLearner } from '../../policy/processes/open.js';
import { decodeSafetensors } from '../../store/safetensors/safetensors.js';
import { inTurn, secondsPerStep } from './in-turn.js';
import { leafRows } from './leaf-rows.js';
import { THREADS } from './machine.js';
import { alone, lowerIsBetter, type Row } from './report.js';
import { SHOW_GRADIENT } from './show-gradient.js';
import { shippedPolicy } from './shipped-model.js';
import { runTraining } from './training-run.js';

const ITERATIONS = 2;

export async function treeUpdate(): Promise<Row[]> {
  const config = resolveConfig({}, SHIPPED_FACTS);
  const policy = await shippedPolicy();
  const state: LearnerState = { policy, reference: policy };
  const packed = await miniBatchOfDefaultRun(config);
  const leaves = packed.flatMap(leafRows);
  const name = `default run · ${packed.length} trees, ${leaves.length} paths`;
  const learner = openLearner({ threads: THREADS });
  const update = (rows: readonly TrainingSequence[], optimizer: OptimizerSettings): Promise<unknown> =>
    learner.update(
      rows,
      { ...config.update, temperature: config.sampling.temperature },
      optimizer,
      config.update.tokenBudget,
    );
  const stepFrom = async (rows: readonly TrainingSequence[]): Promise<Record<string, ArrayLike<number>>> => {
    await learner.load(state);
    await update(rows, SHOW_GRADIENT);
    return savedWeights(learner);
  };
  try {
    const difference = relativeDifference(
      await readWeights(policy.weights),
      await stepFrom(packed),
      await stepFrom(leaves),
    );
    await learner.load(state);
    const seconds = await inTurn(`learn ${name}`, {
      packed: () => secondsPerStep(() => update(packed, config.update)),
      'leaf by leaf': () => secondsPerStep(() => update(leaves, config.update)),
    });
    return [
      lowerIsBetter(
        {
          case: name,
          metric: 'packed update (peer: ours, leaf by leaf)',
          unit: 's',
          ours: seconds.packed,
          peer: seconds['leaf by leaf'],
        },
        1.6,
      ),
      lowerIsBetter({
        case: name,
        metric: 'tokens of the update (peer: ours, leaf by leaf)',
        unit: 'tokens',
        ours: tokensOf(packed),
        peer: tokensOf(leaves),
      }),
      alone({ case: name, metric: 'difference of the gradients', unit: 'relative', ours: difference }, 1e-5),
    ];
  } finally {
    await learner.close();
  }
}

/** The first mini-batch of the last iteration of a short run with default settings. */
async function miniBatchOfDefaultRun(config: RunConfig): Promise<TrainingSequence[]> {
  const rows = await runTraining({ iterations: ITERATIONS }, async ({ ledger, store }): Promise<StoredRow[]> => {
    const record = ledger.at(-1);
    if (!record) throw new Error('the run left no record');
    return decodeRows(decodeSafetensors(await store.get(record.rows)));
  });
  const [first = []] = miniBatches(
    rows.map(({ paths }) => paths),
    config.update.miniBatchPaths,
    config.seed,
    ITERATIONS - 1,
  );
  return first.map((row) => rows[row].sequence);
}

function tokensOf(rows: readonly TrainingSequence[]): number {
  return rows.reduce((sum, { tokens }) => sum + tokens.length, 0);
}

async function savedWeights(learner: ReturnType<typeof openLearner>): Promise<Record<string, ArrayLike<number>>> {
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-bench-'));
  try {
    const weights = join(folder, 'model.safetensors');
    await learner.save(weights, join(folder, 'optimizer.safetensors'));
    return await readWeights([weights]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function readWeights(paths: readonly string[]): Promise<Record<string, ArrayLike<number>>> {
  const files = await Promise.all(paths.map(async (path) => decodeSafetensors(await readFile(path), path)));
  return Object.assign({}, ...files) as Record<string, ArrayLike<number>>;
}

/** 2-norm of the difference of two steps from the same weights, relative to the norm of the first. */
function relativeDifference(
  start: Readonly<Record<string, ArrayLike<number>>>,
  a: Readonly<Record<string, ArrayLike<number>>>,
  b: Readonly<Record<string, ArrayLike<number>>>,
): number {
  let apart = 0;
  let whole = 0;
  for (const [name, before] of Object.entries(start)) {
    for (let i = 0; i < before.length; i++) {
      apart += (a[name][i] - b[name][i]) ** 2;
      whole += (a[name][i] - before[i]) ** 2;
    }
  }
  return Math.sqrt(apart / whole);
}
