/** Events as lines of text. */
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
      return iterationLine(event);
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

function iterationLine(row: Extract<RunEvent, { event: 'iteration' }>): string {
  const { update, dropped } = row;
  const numbers = [
    `correct ${percent(row.accuracy)}`,
    `reward ${row.reward.toFixed(3)}`,
    `FCI ${row.meanFci.toFixed(3)}`,
    `branches ${row.branches} at ${row.branchPoints}`,
    `dropped ${dropped.allCorrect}+ ${dropped.allWrong}- ${dropped.lowInfluence}~ ${dropped.noRows}∅`,
    `V ${row.leaves}`,
    `tokens ${row.validTokens}`,
    `next B ${row.nextBatchSize}`,
    ...(update
      ? [
          `loss ${update.loss.toFixed(4)}`,
          `KL ${update.kl.toFixed(4)}`,
          `entropy ${update.entropy.toFixed(3)}`,
          `clip ${percent(update.clipFraction)}`,
          `‖g‖ ${update.gradNorm.toFixed(3)}`,
        ]
      : ['no update']),
    `${row.tokensPerSecond} tokens/s`,
    `${(row.seconds.total ?? 0).toFixed(1)} s`,
  ];
  return `iteration ${`${row.iteration + 1}`.padStart(`${row.iterations}`.length)}/${row.iterations} · ${numbers.join(' · ')}`;
}
