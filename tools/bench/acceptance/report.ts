import Table from 'cli-table3';

const RESULT_WIDTH = 90;

export interface StepReport {
  readonly step: string;
  readonly outcome: 'passed' | 'failed' | 'not done';
  readonly seconds: number;
  /** Most bytes that its processes had resident at once. */
  readonly peakBytes: number;
  /** What came of it, or what went wrong. */
  readonly result: string;
}

export function reportTable(model: string, reports: readonly StepReport[]): string {
  const table = new Table({
    head: [model, 'seconds', 'GiB', ''],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'left'],
    colWidths: [null, null, null, RESULT_WIDTH],
    wordWrap: true,
  });
  for (const { step, outcome, seconds, peakBytes, result } of reports) {
    const mark = outcome === 'passed' ? '✓' : outcome === 'failed' ? '✗' : '–';
    table.push([`${mark} ${step}`, seconds.toFixed(0), (peakBytes / 2 ** 30).toFixed(1), result]);
  }
  const all = reports.reduce((sum, { seconds }) => sum + seconds, 0);
  table.push([
    'in all',
    all.toFixed(0),
    (Math.max(...reports.map(({ peakBytes }) => peakBytes)) / 2 ** 30).toFixed(1),
    '',
  ]);
  return table.toString();
}
