/** What a bench found, as a table and as JSON. */
import Table from 'cli-table3';

export interface Row {
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly ours: number;
  /** null where nothing is compared. */
  readonly peer: number | null;
  /** How many times better ours is; null where nothing is compared. */
  readonly ratio: number | null;
  readonly target?: Target;
}

/** Least ratio; or, where nothing is compared, the largest value of ours. */
export type Target = { readonly ratio: number } | { readonly atMost: number };

interface Measured {
  readonly case: string;
  readonly metric: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: number;
}

export function higherIsBetter(measured: Measured, targetRatio?: number): Row {
  return compared(measured, measured.ours / measured.peer, targetRatio);
}

export function lowerIsBetter(measured: Measured, targetRatio?: number): Row {
  return compared(measured, measured.peer / measured.ours, targetRatio);
}

export function alone(measured: Omit<Measured, 'peer'>, atMost?: number): Row {
  return { ...measured, peer: null, ratio: null, ...(atMost === undefined ? {} : { target: { atMost } }) };
}

function compared(measured: Measured, ratio: number, target?: number): Row {
  return { ...measured, ratio, ...(target === undefined ? {} : { target: { ratio: target } }) };
}

export function renderTable(rows: readonly Row[]): string {
  const table = new Table({
    head: ['case', 'metric', 'ours', 'peer', 'unit', 'ratio', 'target'],
    colAligns: ['left', 'left', 'right', 'right', 'left', 'right', 'left'],
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  for (const row of rows) {
    const { ours, peer, unit, ratio } = row;
    table.push([
      row.case,
      row.metric,
      show(ours),
      peer === null ? '' : show(peer),
      unit,
      ratio === null ? '' : `${ratio.toFixed(2)}x`,
      verdict(row),
    ]);
  }
  return table.toString();
}

function verdict({ target, ours, ratio }: Row): string {
  if (!target) return '';
  if ('atMost' in target) return `${ours <= target.atMost ? 'met' : 'MISSED'} (at most ${target.atMost})`;
  return `${ratio !== null && ratio >= target.ratio ? 'met' : 'MISSED'} (${target.ratio}x)`;
}

function show(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}

export function toJson(bench: string, machine: object, rows: readonly Row[]): object {
  return {
    bench,
    machine,
    rows: rows.map(({ case: name, metric, unit, ours, peer, ratio }) => ({
      case: name,
      metric,
      unit,
      ours,
      peer,
      ratio,
    })),
  };
}
