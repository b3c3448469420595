/** Texts for Temporal's UI. */
import type { EvaluationSummary, IterationSummary, RunState } from '../contracts/run.js';

export function percent(part: number, whole: number): string {
  return whole === 0 ? 'none' : `${Math.round((100 * part) / whole)} %`;
}

/** Markdown: a table of the last iterations, newest first, and one of the evaluations. */
export function runDetails(state: RunState): string {
  const { plan, iteration, recent, evaluations } = state;
  const head = `**${state.model}** · ${plan.algorithm}, ${plan.pipeline} · iteration ${iteration} of ${plan.iterations}`;
  return [head, evaluationDetails(plan.evaluationSets, evaluations), iterationDetails(recent)].join('\n\n');
}

export function evaluationDetails(sets: readonly string[], evaluations: readonly EvaluationSummary[]): string {
  if (evaluations.length === 0) return '';
  const rows = evaluations.map(({ policyVersion, mean, accuracies }) => [
    `policy ${policyVersion}`,
    `**${percent(mean, 1)}**`,
    ...accuracies.map((accuracy) => percent(accuracy, 1)),
  ]);
  return table(['accuracy', 'mean', ...sets], rows);
}

function iterationDetails(recent: readonly IterationSummary[]): string {
  if (recent.length === 0) return '';
  const rows = [...recent]
    .reverse()
    .map((row) => [
      `${row.iteration}`,
      `${row.responses}`,
      percent(row.accuracy, 1),
      row.meanFci.toFixed(3),
      `${row.branches}`,
      `${row.leaves}`,
      `${row.nextBatchSize}`,
      row.update?.loss.toFixed(4) ?? '–',
      row.update?.kl.toFixed(4) ?? '–',
      row.update?.entropy.toFixed(3) ?? '–',
      row.update?.gradNorm.toFixed(3) ?? '–',
      (row.seconds.total ?? 0).toFixed(1),
    ]);
  const heads = [
    'iteration',
    'responses',
    'correct',
    'FCI',
    'branches',
    'V',
    'next B',
    'loss',
    'KL',
    'entropy',
    '‖g‖',
    's',
  ];
  return table(heads, rows);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}
