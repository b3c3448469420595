import Table from 'cli-table3';
import type { Probe } from '../../runs/plan/probe.js';
import { percent } from './lines.js';

/** What a few responses say about steps, and what to set. */
export function probeTable(probe: Probe): string {
  const { problems, responses, tokens, cutOff, settings, separators } = probe;
  const head =
    `${responses} responses to the first ${problems} problems: ${tokens.toFixed(0)} tokens on average, ` +
    `${percent(cutOff)} cut off at the limit`;
  const table = new Table({
    head: [
      'steps.separator',
      'steps',
      'cut at blank lines',
      'lines',
      'sentences',
      'tokens',
      'without influence',
      'FCI',
    ],
    style: { head: [], border: [] },
    colAligns: ['left', ...Array.from({ length: 7 }, () => 'right' as const)],
  });
  for (const { separator, perResponse, cutBy, withoutInfluence, meanFci } of separators) {
    table.push([
      separator === settings.separator ? `${separator} (now)` : separator,
      perResponse.toFixed(1),
      percent(cutBy['blank-line']),
      percent(cutBy.line),
      percent(cutBy.sentence),
      percent(cutBy.token),
      percent(withoutInfluence),
      meanFci.toFixed(4),
    ]);
  }
  return [head, table.toString(), suggestion(probe)].join('\n\n');
}

function suggestion({ settings, separators, suggested }: Probe): string {
  const { guided } = separators.find(({ separator }) => separator === suggested)!;
  const said =
    suggested === settings.separator
      ? `\`steps.separator\` may stay ${suggested}`
      : `suggested: \`"steps": { "separator": "${suggested}" }\``;
  const reached = `attention tells the steps of ${percent(guided)} of the responses apart`;
  const more =
    guided > 0.5
      ? ''
      : `; longer responses, a smaller \`steps.delta\` (now ${settings.delta}) or an instruction to write steps would help`;
  return `${said}: ${reached}${more} (docs/steps.md)`;
}
