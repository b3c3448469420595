import Table from 'cli-table3';
import type { EvaluationSummary, ModelEvaluation, SetSummary } from '../../contracts/protocol/run.js';
import { percent } from './lines.js';

/** Accuracy on the held-out sets before and after, one row per set. */
export function accuracyTable(sets: readonly string[], before: EvaluationSummary, after: EvaluationSummary): string {
  const table = new Table({
    head: ['held-out set', 'before', 'after', 'change'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right'],
  });
  sets.forEach((set, i) => table.push(row(set, before.accuracies[i] ?? 0, after.accuracies[i] ?? 0)));
  table.push(row('mean', before.mean, after.mean));
  return table.toString();
}

/** All figures of one model. */
export function evaluationTable({ sets, summary, interval }: ModelEvaluation): string {
  const range = ([low, high]: SetSummary['interval']): string => `${percent(low)} – ${percent(high)}`;
  const skipped = sets.some(({ skippedPrompts }) => skippedPrompts > 0);
  const table = new Table({
    head: [
      'held-out set',
      'problems',
      'k',
      'avg@k',
      '95 %',
      'pass@k',
      'tokens',
      'cut off',
      ...(skipped ? ['left out'] : []),
    ],
    style: { head: [], border: [] },
    colAligns: ['left', ...Array.from({ length: 8 }, () => 'right' as const)],
  });
  for (const set of sets) {
    table.push([
      set.set,
      set.problems,
      set.samplesPerProblem,
      percent(set.accuracy),
      range(set.interval),
      percent(set.passAtK),
      set.meanLength.toFixed(0),
      percent(set.truncated),
      ...(skipped ? [set.skippedPrompts] : []),
    ]);
  }
  table.push(['mean', '', '', percent(summary.mean), range(interval), '', '', '', ...(skipped ? [''] : [])]);
  return table.toString();
}

function row(name: string, before: number, after: number): string[] {
  const change = 100 * (after - before);
  return [name, percent(before), percent(after), `${change >= 0 ? '+' : ''}${change.toFixed(1)}`];
}
