/** Events as lines of text. */
import type { IterationMetrics } from '../../contracts/protocol/run.js';
import type { RunEvent } from '../events.js';

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Undefined for what only a live display shows. */
export function lineOf(event: RunEvent): string | undefined {
  switch (event.event) {
    case 'note':
      return event.text;
    case 'run': {
      const verb = event.resumed ? 'going on with' : 'started';
      return `${verb} run ${event.run}${event.url === undefined ? '' : `\n${event.url}`}`;
    }
    case 'iteration':
      return iterationLines(event);
    case 'evaluation': {
      const sets = event.sets.map((set, i) => `${set} ${percent(event.accuracies[i] ?? 0)}`);
      return `evaluation of policy ${event.policyVersion}: ${percent(event.mean)} (${sets.join(', ')})`;
    }
    case 'retry':
      return `${event.name}: attempt ${event.attempt}, the one before failed: ${event.failure}`;
    case 'failure':
      return `${event.type}: ${event.message}`;
    case 'progress':
    case 'result':
      return undefined;
  }
}

/** Three lines: what was sampled, what was learnt, what it took; one more where steps are worth a look. */
function iterationLines(row: Extract<RunEvent, { event: 'iteration' }>): string {
  const { update, dropped, seconds } = row;
  const { total = 0, ...phases } = seconds;
  const number = `${row.iteration + 1}`.padStart(`${row.iterations}`.length);
  const reasons = Object.entries({
    'all correct': dropped.allCorrect,
    'all wrong': dropped.allWrong,
    'low influence': dropped.lowInfluence,
    'no rows': dropped.noRows,
  }).filter(([, problems]) => problems > 0);
  const sampled = [
    `iteration ${number}/${row.iterations}`,
    `correct ${percent(row.accuracy)}`,
    `reward ${row.reward.toFixed(3)}`,
    ...(row.meanFci === null ? [] : [`FCI ${row.meanFci.toFixed(4)}`]),
    `${row.branches} branches at ${row.branchPoints}`,
    `dropped ${reasons.length === 0 ? 'none' : reasons.map(([why, problems]) => `${problems} ${why}`).join(', ')}`,
  ];
  const learnt = [
    `V ${row.leaves}`,
    `${row.validTokens} valid tokens`,
    `next B ${row.nextBatchSize}`,
    ...(update
      ? [
          `loss ${update.loss.toFixed(4)}`,
          ...(update.kl === null ? [] : [`KL ${update.kl.toFixed(4)}`]),
          `entropy ${update.entropy.toFixed(3)}`,
          `clipped ${percent(update.clipFraction)}`,
          `gradient norm ${update.gradNorm.toFixed(3)}`,
        ]
      : ['no update']),
  ];
  const slowest = Object.entries(phases)
    .filter(([, time]) => time >= 0.1)
    .map(([phase, time]) => `${phase} ${time.toFixed(1)}`);
  const taken = [`${total.toFixed(1)} s`, `${row.tokensPerSecond} tokens/s`, ...slowest];
  return [sampled, ...stepParts(row.steps), learnt, taken].map((parts) => parts.join(' · ')).join('\n  ');
}

/** Only where attention has no say in some responses, or tells single tokens apart. */
function stepParts(steps: IterationMetrics['steps']): string[][] {
  if (!steps || (steps.withoutInfluence === 0 && steps.cutBy.token === 0)) return [];
  const cut = Object.entries(steps.cutBy).filter(([, share]) => share > 0);
  return [
    [
      `${steps.perResponse.toFixed(1)} steps per response`,
      `${percent(steps.withoutInfluence)} without influence`,
      `cut at each ${cut.map(([by, share]) => `${by.replace('-', ' ')} ${percent(share)}`).join(', ')}`,
    ],
  ];
}
