/**
 * Optimiser steps, beside PyTorch (best of eager and sdpa attention, AdamW plain and fused), and on packed trees. Where
 * TensorFlow.js is set up, its learner too.
 */
import type { Learner, OptimizerSettings } from '../../contracts/engine/engine.js';
import type { LearnerSettings } from '../../policy/processes/child-learner.js';
import { openLearner } from '../../policy/processes/open.js';
import { findTfjs } from '../../scripts/load-tfjs.mjs';
import { best, inTurn, secondsPerStep, STEPS_PER_TURN } from './in-turn.js';
import { THREADS } from './machine.js';
import { Peer } from './peer.js';
import { markMemory, peakMemory } from './process-memory.js';
import { NARROW, randomTokens, TOY, WIDE, withModels, type RandomModel, type Shape } from './random-model.js';
import { higherIsBetter, lowerIsBetter, type Row } from './report.js';
import { treeUpdate } from './tree-update.js';

interface Case {
  readonly shape: Shape;
  readonly rows: number;
  readonly length: number;
}

const CASES: readonly Case[] = [
  { shape: WIDE, rows: 32, length: 256 },
  { shape: NARROW, rows: 64, length: 96 },
];
const TOY_CASE: Case = { shape: TOY, rows: 2, length: 16 };
const ATTENTIONS = ['eager', 'sdpa'];
const VARIANTS = ATTENTIONS.flatMap((attention) =>
  [false, true].map((fused) => ({ attention, fused, name: `${attention}, ${fused ? 'fused' : 'plain'} AdamW` })),
);
export const OPTIMIZER: OptimizerSettings = {
  learningRate: 1e-4,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
};
/** Of the default run; holds either case in one micro-batch, as the peer does. */
const TOKEN_BUDGET = 8192;
const TOLERATED_LOSS_DIFFERENCE = 1e-4;
const STEPS_FOR_PEAK = 3;

type Runtime = LearnerSettings['runtime'];
const RUNTIMES: readonly Runtime[] = findTfjs() === undefined ? ['onnx'] : ['onnx', 'tfjs'];
const on = (runtime: Runtime): string => (runtime === 'onnx' ? '' : ' on TensorFlow.js');

export function learn(): Promise<Row[]> {
  return withModels([WIDE, NARROW, TOY], async (wide, narrow, toy) => {
    const rows: Row[] = [];
    for (const [i, model] of [wide, narrow].entries()) {
      rows.push(...(await throughput(model, CASES[i])), ...(await memory(model, toy, CASES[i])));
    }
    return [...rows, ...(await treeUpdate())];
  });
}

async function throughput(model: RandomModel, one: Case): Promise<Row[]> {
  const learners = RUNTIMES.map((runtime) => ({ runtime, learner: openLearner({ runtime, threads: THREADS }) }));
  const peer = await Peer.start('learn.py');
  try {
    for (const { learner } of learners) await learner.load({ policy: model.policy });
    for (const variant of VARIANTS) await loadPeer(peer, model, variant);
    const losses = new Map<string, number[]>();
    const seconds = await inTurn(`learn ${caseName(one)}`, {
      ...Object.fromEntries(
        learners.map(({ runtime, learner }) => [
          runtime,
          (round: number) => {
            const batches = batchesOf(one, round);
            const found: number[] = [];
            losses.set(`${runtime} ${round}`, found);
            return secondsPerStep(async (i) => found.push((await supervise(learner, batches[i])).loss));
          },
        ]),
      ),
      ...Object.fromEntries(
        VARIANTS.map(({ name }) => [
          name,
          async (round: number) => {
            let all = 0;
            for (const [i, batch] of batchesOf(one, round).entries()) {
              const reply = await stepPeer(peer, name, batch);
              for (const runtime of RUNTIMES) requireSameLoss(losses.get(`${runtime} ${round}`)?.[i], reply.loss, name);
              all += reply.seconds;
            }
            return all / STEPS_PER_TURN;
          },
        ]),
      ),
    });
    const fastest = best(Object.fromEntries(VARIANTS.map(({ name }) => [name, seconds[name]])));
    const tokens = one.rows * one.length;
    return RUNTIMES.map((runtime) =>
      higherIsBetter(
        {
          case: caseName(one),
          metric: `forward, backward, AdamW${on(runtime)} (peer: torch, ${fastest.name})`,
          unit: 'tokens/s',
          ours: tokens / seconds[runtime],
          peer: tokens / fastest.value,
        },
        runtime === 'onnx' ? 1.5 : 1,
      ),
    );
  } finally {
    for (const { learner } of learners) await learner.close();
    await peer.close();
  }
}

/** Growth of the resident memory, in processes that have done the same work once on a toy model. */
async function memory(model: RandomModel, toy: RandomModel, one: Case): Promise<Row[]> {
  const peers = Object.fromEntries(
    await Promise.all(
      ATTENTIONS.map(async (attention) => [attention, await peerPeak(model, toy, one, attention)] as const),
    ),
  );
  const smallest = best(peers);
  const rows: Row[] = [];
  for (const runtime of RUNTIMES) {
    // The second learner is held to the first.
    const peer = rows.at(0)?.ours ?? smallest.value / 2 ** 20;
    const metric = `peak memory${on(runtime)} (peer: ${runtime === 'onnx' ? `torch, ${smallest.name}` : 'onnxruntime'})`;
    const ours = (await ourPeak(model, toy, one, runtime)) / 2 ** 20;
    rows.push(lowerIsBetter({ case: caseName(one), metric, unit: 'MiB', ours, peer }, runtime === 'onnx' ? 1 : 0.5));
  }
  return rows;
}

async function ourPeak(model: RandomModel, toy: RandomModel, one: Case, runtime: Runtime): Promise<number> {
  const learner = openLearner({ runtime, threads: THREADS });
  try {
    await learner.load({ policy: toy.policy });
    await supervise(learner, batchOf(TOY_CASE, 0));
    const { pids } = learner;
    if (pids.length === 0) throw new Error('the learner has no process');
    const before = await Promise.all(pids.map(markMemory));
    await learner.load({ policy: model.policy });
    for (let step = 0; step < STEPS_FOR_PEAK; step++) await supervise(learner, batchOf(one, step));
    const after = await Promise.all(pids.map(peakMemory));
    return after.reduce((sum, peak, i) => sum + peak - before[i], 0);
  } finally {
    await learner.close();
  }
}

async function peerPeak(model: RandomModel, toy: RandomModel, one: Case, attention: string): Promise<number> {
  const peer = await Peer.start('learn.py');
  try {
    await loadPeer(peer, toy, { name: 'toy', attention, fused: true });
    await stepPeer(peer, 'toy', batchOf(TOY_CASE, 0));
    const before = await peer.ask<{ bytes: number }>({ operation: 'markMemory' });
    await loadPeer(peer, model, { name: 'measured', attention, fused: true });
    for (let step = 0; step < STEPS_FOR_PEAK; step++) await stepPeer(peer, 'measured', batchOf(one, step));
    const after = await peer.ask<{ bytes: number }>({ operation: 'peakMemory' });
    return after.bytes - before.bytes;
  } finally {
    await peer.close();
  }
}

function loadPeer(
  peer: Peer,
  { directory }: RandomModel,
  variant: { name: string; attention: string; fused: boolean },
): Promise<object> {
  return peer.ask({ operation: 'load', directory, threads: THREADS, ...variant, ...OPTIMIZER });
}

function stepPeer(peer: Peer, name: string, tokens: readonly number[][]): Promise<{ seconds: number; loss: number }> {
  return peer.ask({ operation: 'step', name, tokens });
}

/** Cross-entropy over all tokens but the first of each row. */
export function supervise(learner: Learner, batch: readonly number[][]): ReturnType<Learner['supervise']> {
  const sequences = batch.map((tokens) => ({
    tokens: Int32Array.from(tokens),
    predecessors: Int32Array.from(tokens, (_, t) => t - 1),
    weights: Float32Array.from(tokens, (_, t) => (t === 0 ? 0 : 1)),
  }));
  return learner.supervise(sequences, OPTIMIZER, TOKEN_BUDGET);
}

function batchOf({ shape, rows, length }: Case, round: number): number[][] {
  return randomTokens(shape, rows, length, round);
}

function batchesOf(one: Case, round: number): number[][][] {
  return Array.from({ length: STEPS_PER_TURN }, (_, step) => batchOf(one, round * STEPS_PER_TURN + step));
}

function caseName({ shape, rows, length }: Case): string {
  return `${shape.name} · batch ${rows} x ${length}`;
}

/** Both started from the same weights and took the same steps. */
function requireSameLoss(ours: number | undefined, peer: number, name: string): void {
  if (ours === undefined || !(Math.abs(ours - peer) <= TOLERATED_LOSS_DIFFERENCE)) {
    throw new RangeError(`not the same work: our loss is ${ours}, that of torch (${name}) ${peer}`);
  }
}
