import { Command, InvalidArgumentError } from 'commander';
import Table from 'cli-table3';
import type { Part } from '../runs/plan/resources.js';
import type { RunForm } from '../contracts/config/form.js';
import type { RunCost, RunPlanned } from '../runs/plan/plan-run.js';
import type { Probe } from '../runs/plan/probe.js';
import { readForm } from './config-file.js';
import { probeTable } from './display/probe-table.js';
import { UsageError } from './errors.js';
import { wholeNumber } from './whole-number.js';

interface PlanOptions {
  readonly config?: string;
  readonly responseTokens?: number;
  readonly generateRate?: number;
  readonly scoreRate?: number;
  readonly learnRate?: number;
  readonly probe?: boolean;
  readonly problems: number;
  readonly responses: number;
  readonly json?: boolean;
}

export function planCommand(): Command {
  return new Command('plan')
    .description(
      'what a run will take: checks its files, counts tokens, memory, bytes and time of an iteration; starts nothing',
    )
    .option('-c, --config <file>', 'configuration, as for `train`')
    .option('--response-tokens <mean>', 'mean length of a response; default: the limit', wholeNumber)
    .option(
      '--generate-rate <tokens/s>',
      'new tokens per second in all, instead of a measurement on this machine',
      rate,
    )
    .option('--score-rate <tokens/s>', 'the same of scored tokens', rate)
    .option('--learn-rate <tokens/s>', 'the same of trained tokens', rate)
    .option('--probe', "samples the run's first responses with its model: their length, and how they fall into steps")
    .option('--problems <number>', 'of the probe', wholeNumber, 8)
    .option('--responses <number>', 'of the probe, to each problem', wholeNumber, 2)
    .option('--json', 'the plan as one JSON object')
    .addHelpText('after', '\nThe exit code is 2 where the run would be refused.\n')
    .action(plan);
}

async function plan({ config, json, ...options }: PlanOptions): Promise<void> {
  const form = await readForm(config, {});
  const onProgress = (doing: string): void => {
    if (!json) console.error(`${doing} …`);
  };
  const { planRun } = await import('../runs/plan/plan-run.js');
  const probe = options.probe ? await probeOf(form, options, onProgress) : undefined;
  const responseTokens = options.responseTokens ?? probe?.tokens;
  const rates = { generate: options.generateRate, score: options.scoreRate, learn: options.learnRate };
  const given = Object.fromEntries(Object.entries(rates).filter(([, value]) => value !== undefined));
  const planned = await planRun(form, {
    ...(responseTokens === undefined ? {} : { responseTokens }),
    rates: given,
    onProgress,
  });
  if (json) console.log(JSON.stringify({ ...planned, ...(probe && { probe }) }));
  else console.log([...(options.probe ? [probed(probe)] : []), text(planned)].join('\n\n'));
  if (planned.problems.length > 0) process.exitCode = 2;
}

function probed(probe: Probe | undefined): string {
  return probe ? probeTable(probe) : '✗ nothing was sampled: the run would be refused, or its files are not there';
}

async function probeOf(
  form: RunForm,
  { problems, responses }: PlanOptions,
  onProgress: (doing: string) => void,
): Promise<Probe | undefined> {
  if (problems === 0 || responses === 0) throw new UsageError('a probe takes at least one response to one problem');
  const { probeRun } = await import('../runs/plan/probe.js');
  return probeRun(form, { problems, responses, onProgress });
}

function text({ problems, notes, cost, config, chosen }: RunPlanned): string {
  const refused = problems.map(({ path, problem }) => `✗ ${path}: ${problem}`);
  const parts = [[...refused, ...notes.map((note) => `· ${note}`)].join('\n')];
  if (chosen.length > 0) parts.push(choices(chosen));
  if (cost) parts.push(...costTables(cost, config));
  return parts.filter((part) => part !== '').join('\n\n');
}

function choices(chosen: RunPlanned['chosen']): string {
  const shown = (value: number | boolean): string =>
    typeof value === 'number' && value < 1e-3 ? value.toExponential() : value.toLocaleString('en');
  const reasons = [...new Set(chosen.map(({ why }) => why))];
  const rows = reasons.map((reason) => {
    const alike = chosen.filter(({ why }) => why === reason);
    return [alike.map(({ path }) => path).join('\n'), alike.map(({ value }) => shown(value)).join('\n'), reason];
  });
  return table(['not configured, hence by the model', 'value', 'because'], rows, ['left', 'right', 'left']);
}

function costTables(
  { model, assumptions, work, memory, stored, rates, measured, seconds }: RunCost,
  config: RunPlanned['config'],
) {
  const tokens = (count: number): string => count.toLocaleString('en', { maximumFractionDigits: 0 });
  const of = (kind: keyof typeof rates): string => `${tokens(rates[kind])} tokens/s`;
  const head =
    `${(model.parameters / 1e9).toFixed(2)}B parameters · prompts of ${tokens(assumptions.promptTokens)} tokens, responses of ` +
    `${tokens(assumptions.responseTokens)} on average · rates ${measured ? 'measured on this machine' : 'as given'}`;
  const iteration = table(
    ['an iteration', 'tokens', 'at', 'takes'],
    [
      [
        `${tokens(work.responses)} responses and ${tokens(work.branches)} branches, sampled`,
        tokens(work.generated),
        of('generate'),
        duration(seconds.generate),
      ],
      ['scored, with FCI', tokens(work.scored), of('score'), duration(seconds.score)],
      [
        `${tokens(work.paths)} paths, learnt in ${work.optimizerSteps} steps`,
        tokens(work.trained),
        of('learn'),
        duration(seconds.learn),
      ],
      ['all of it, on one machine', '', '', duration(seconds.oneMachine)],
      ['rollouts and learner on machines of their own', '', '', duration(seconds.apart)],
      [
        `the run: ${config.iterations} iterations on one machine`,
        '',
        '',
        duration(config.iterations * seconds.oneMachine),
      ],
    ],
  );
  const roles = Object.entries(memory).flatMap(([role, list]: [string, readonly Part[]]) => [
    ...list.map(({ what, bytes }) => [role, what, size(bytes)]),
    ...(list.length > 1 ? [[role, 'in all', size(list.reduce((sum, { bytes }) => sum + bytes, 0))]] : []),
  ]);
  const kinds: Record<string, number> = { ...stored };
  const perIteration = Object.values(kinds).reduce((sum, bytes) => sum + bytes, 0);
  const store = Object.entries({ ...kinds, 'in all': perIteration }).map(([what, bytes]) => [what, size(bytes)]);
  return [
    head,
    iteration,
    table(['memory of', 'for', 'at least'], roles),
    table(['stored per iteration', 'bytes'], store),
  ];
}

function table(
  head: string[],
  rows: string[][],
  colAligns = head.map((_, i) => (i === 0 ? ('left' as const) : ('right' as const))),
): string {
  const made = new Table({
    head,
    style: { head: [], border: [] },
    colAligns,
  });
  made.push(...rows);
  return made.toString();
}

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 2 ** (10 * power)).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(1)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

function rate(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('it must be a number above 0');
  return value;
}
