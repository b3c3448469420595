/** What the learners of all runtimes have in common: rows in, passes over them, metrics out. */
import { policyLoss } from '../../algorithm/loss.js';
import type { LossSettings, TrainingSequence, UpdateMetrics } from '../../contracts/engine/engine.js';
import type { ModelConfig } from '../model/config.js';
import type { Pass } from './gradient-source.js';
import { evenShare } from './micro-batches.js';
import { column, type MiniBatch, miniBatchOf, requireUsable, type TrainingRow } from './mini-batch.js';
import { treePieces } from './tree-pieces.js';

export interface Passes {
  readonly policy: Pass;
  /** Absent without a frozen reference. */
  readonly reference: Pass | undefined;
}

/** The gradient of the policy loss, and what is told of it. @throws RangeError for rows that cannot be trained on */
export async function policyGradient(
  config: ModelConfig,
  passes: Passes,
  trees: readonly TrainingSequence[],
  settings: LossSettings,
  tokenBudget: number,
): Promise<Omit<UpdateMetrics, 'gradNorm'>> {
  trees.forEach((row, i) => requireUsable(config, row, i));
  const rows = treePieces(trees, evenShare(trees, tokenBudget));
  const batch = miniBatchOf(rows);
  const { temperature, clipLow, clipHigh, dualClip, klWeight } = settings;
  const ownOldLogProbs = comeWithout(rows);
  const loss = { clipLow, clipHigh, dualClip, klWeight };
  const goal = { kind: 'policy', loss, ...(ownOldLogProbs && { ownOldLogProbs }) } as const;
  const given = {
    advantages: column(rows, (row) => row.advantages),
    ...(ownOldLogProbs ? {} : { oldLogProbs: column(rows, (row) => row.oldLogProbs!) }),
  };
  const refLogProbs = await ofReference(passes, rows, batch, settings, tokenBudget);
  const fed = { ...given, shares: batch.shares, ...(klWeight > 0 ? { refLogProbs } : {}) };
  const passed = await passes.policy(batch, fed, goal, temperature, tokenBudget);
  const columns = { oldLogProbs: passed.logProbs, ...given, ...passed };
  setGiven(columns.refLogProbs, rows, batch); // what rows came with has every member of a group: it is not a sum
  const { gradient: _, ...metrics } = policyLoss({ ...columns, weights: batch.weights }, settings);
  const kl = klWeight > 0 || rows.every((row) => row.refLogProbs) ? metrics.kl : null;
  return { ...metrics, kl, entropy: mean(batch, passed.entropies), tokens: batch.total };
}

/** The gradient of the cross-entropy. @throws RangeError for rows that cannot be trained on */
export async function supervisedGradient(
  config: ModelConfig,
  passes: Passes,
  rows: readonly TrainingRow[],
  tokenBudget: number,
): Promise<{ loss: number; tokens: number }> {
  rows.forEach((row, i) => requireUsable(config, row, i));
  const batch = miniBatchOf(rows);
  const { logProbs } = await passes.policy(batch, { shares: batch.shares }, { kind: 'cross-entropy' }, 1, tokenBudget);
  return { loss: -mean(batch, logProbs), tokens: batch.total };
}

/** Whether the rows have no old log-probs: the policy that learns has sampled them. @throws RangeError where some have */
function comeWithout(rows: readonly TrainingSequence[]): boolean {
  const without = rows.filter(({ oldLogProbs }) => !oldLogProbs).length;
  if (without > 0 && without < rows.length)
    throw new RangeError(
      `${without} of ${rows.length} training rows have no old log-probs: all must have them, or none`,
    );
  return without > 0;
}

/** Log-probs of the frozen reference for rows that come without; zeros where the divergence has no weight. */
async function ofReference(
  { reference }: Passes,
  rows: readonly TrainingSequence[],
  batch: MiniBatch,
  { klWeight, temperature }: LossSettings,
  tokenBudget: number,
): Promise<Float32Array> {
  const given = column(rows, (row) => row.refLogProbs ?? new Float32Array(row.tokens.length));
  if (klWeight === 0 || rows.every((row) => row.refLogProbs)) return given;
  if (!reference) throw new RangeError('klWeight > 0 needs log-probs of the reference, or the reference itself');
  const { logProbs } = await reference(batch, {}, { kind: 'log-probs' }, temperature, tokenBudget);
  return setGiven(logProbs, rows, batch);
}

/** Puts in what rows came with. */
function setGiven(refLogProbs: Float32Array, rows: readonly TrainingSequence[], batch: MiniBatch): Float32Array {
  rows.forEach((row, i) => row.refLogProbs && refLogProbs.set(row.refLogProbs, batch.starts[i]));
  return refLogProbs;
}

/** Weighted mean over the mini-batch. */
function mean({ shares }: MiniBatch, values: Float32Array): number {
  return values.reduce((sum, value, t) => sum + shares[t] * value, 0);
}
