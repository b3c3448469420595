import Table from 'cli-table3';
import type { EvaluationSummary } from '../../contracts/run.js';
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

/** Accuracy of one model. */
export function evaluationTable(sets: readonly string[], summary: EvaluationSummary): string {
  const table = new Table({
    head: ['held-out set', 'accuracy'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right'],
  });
  sets.forEach((set, i) => table.push([set, percent(summary.accuracies[i] ?? 0)]));
  table.push(['mean', percent(summary.mean)]);
  return table.toString();
}

function row(name: string, before: number, after: number): string[] {
  const change = 100 * (after - before);
  return [name, percent(before), percent(after), `${change >= 0 ? '+' : ''}${change.toFixed(1)}`];
}
