/** Texts for Temporal's UI. */
import type {
  EvaluationSummary,
  IterationSummary,
  RecordedEvaluation,
  RunPhase,
  RunState,
  SetSummary,
} from '../contracts/protocol/run.js';
import { influenceWarningText } from '../contracts/protocol/influence-warning.js';
import type { SteeringEvent } from '../contracts/protocol/steering.js';

export function percent(part: number, whole: number): string {
  return whole === 0 ? 'none' : `${Math.round((100 * part) / whole)} %`;
}

/** What a run does now. */
export interface Doing {
  readonly phase: RunPhase;
  /** Names of the children at work. */
  readonly children: readonly string[];
  /** Why they do not get on, where they do not. */
  readonly reasons: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Markdown: where the run is, a table of the evaluations, and one of the last iterations, newest first. */
export function runDetails(state: RunState, doing: Doing): string {
  const { plan, recent, evaluations } = state;
  const head = `**${state.model}** · ${plan.algorithm}, ${plan.pipeline}`;
  const parts = [
    head,
    standing(state, doing),
    evaluationDetails(plan.evaluationSets, evaluations),
    iterationDetails(recent),
    cutDetails(recent.at(-1)),
    state.influenceWarning ? `> ⚠ ${influenceWarningText(state.influenceWarning)}` : '',
    failureDetails(state),
  ];
  return withReasons(parts.filter((part) => part !== '').join('\n\n'), doing.reasons);
}

/** A page that says below what it waits for. */
export function withReasons(page: string, reasons: readonly string[]): string {
  return [page, ...reasons.map((reason) => `> ⏳ ${reason}`)].join('\n\n');
}

function failureDetails({ evaluationFailure: failure }: RunState): string {
  if (!failure) return '';
  const { policyVersion, type, message } = failure;
  return (
    `> ⚠ policy ${policyVersion} could not be evaluated: ${type}: ${message.replace(/\s+/g, ' ')}. ` +
    'The run trains on, writes its model and ends with this failure.'
  );
}

function standing(state: RunState, { phase, children, now }: Doing): string {
  const { plan, iteration, evaluations, steering } = state;
  const [first, last] = [evaluations[0], evaluations.at(-1)];
  const held =
    steering.pausedSince === null ? '' : ` since ${clock(steering.pausedSince)}, the update \`resume\` goes on`;
  const pausing = phase === 'training' && held !== '' ? ', will be held after this iteration' : '';
  const rows = [
    ['iterations done', `${bar(iteration, plan.iterations)} ${iteration} of ${plan.iterations}`],
    ['phase', phase === 'paused' ? `**paused**${held}` : `${phase}${pausing}`],
    ...(children.length === 0 ? [] : [['at work', [...children].sort().join(', ')]]),
    ...remaining(state, phase, now),
    ...(first && last
      ? [['accuracy', `${percent(first.mean, 1)} → **${percent(last.mean, 1)}** (policy ${last.policyVersion})`]]
      : []),
    ...(steering.learningRate === null ? [] : [['learning rate', `${steering.learningRate}, set by an update`]]),
    ...steering.unrecorded.map((event) => ['steered', steeringText(event)]),
  ];
  return table(['', ''], rows);
}

function remaining({ pace, plan, iteration }: RunState, phase: RunPhase, now: number): string[][] {
  if (pace === null || phase !== 'training') return [];
  const seconds = pace * (plan.iterations - iteration);
  const end = clock(new Date(now + 1000 * seconds).toISOString());
  return [['remaining', `about ${duration(seconds)}, until ${end}, at ${duration(pace)} per iteration`]];
}

function steeringText({ update, value, identity, time }: SteeringEvent): string {
  return `${update}${value === null ? '' : ` ${value}`} · ${identity || 'unnamed client'} · ${clock(time)}`;
}

/** `2026-03-01T10:20:30.456Z` -> `2026-03-01 10:20 UTC` */
function clock(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}

/** Two units at most: `3 h 20 min`. */
function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const BAR_CELLS = 20;

function bar(part: number, whole: number): string {
  const full = Math.round((BAR_CELLS * part) / whole);
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
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

/** One evaluation with all its figures. */
export function setDetails({ sets, summary, interval }: RecordedEvaluation): string {
  const range = ([low, high]: SetSummary['interval']): string => `${percent(low, 1)} – ${percent(high, 1)}`;
  const rows = sets.map((set) => [
    set.set,
    `${set.problems} × ${set.samplesPerProblem}`,
    `**${percent(set.accuracy, 1)}**`,
    range(set.interval),
    percent(set.passAtK, 1),
    set.meanLength.toFixed(0),
    percent(set.truncated, 1),
  ]);
  const heads = ['held-out set', 'samples', 'avg@k', '95 %', 'pass@k', 'tokens', 'cut off'];
  return table(heads, [...rows, ['mean', '', `**${percent(summary.mean, 1)}**`, range(interval), '', '', '']]);
}

function iterationDetails(recent: readonly IterationSummary[]): string {
  if (recent.length === 0) return '';
  const rows = [...recent]
    .reverse()
    .map((row) => [
      `${row.iteration}`,
      `${row.responses}`,
      percent(row.accuracy, 1),
      row.meanFci?.toFixed(3) ?? '–',
      row.steps?.perResponse.toFixed(1) ?? '–',
      row.steps ? percent(row.steps.withoutInfluence, 1) : '–',
      `${row.branches}`,
      `${row.leaves}`,
      `${row.nextBatchSize}`,
      row.update?.loss.toFixed(4) ?? '–',
      row.update?.kl?.toFixed(4) ?? '–',
      row.update?.entropy.toFixed(3) ?? '–',
      row.update?.gradNorm.toFixed(3) ?? '–',
      (row.seconds.total ?? 0).toFixed(1),
    ]);
  const heads = [
    'iteration',
    'responses',
    'correct',
    'FCI',
    'steps',
    'without influence',
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

/** What the newest responses were cut at. */
function cutDetails(newest: IterationSummary | undefined): string {
  if (!newest?.steps) return '';
  const shares = Object.entries(newest.steps.cutBy).filter(([, share]) => share > 0);
  const cut = shares.map(([by, share]) => `${percent(share, 1)} at each ${by.replace('-', ' ')}`).join(', ');
  return `Responses of iteration ${newest.iteration} were cut into steps: ${cut}`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}
