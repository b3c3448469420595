import { Command, InvalidArgumentError } from 'commander';
import { checkForm } from '../contracts/config/resolve.js';
import { UsageError } from './errors.js';
import { openRun } from './run-store.js';
import { openSession, runUrl } from './session.js';
import { wholeNumber } from './whole-number.js';

type Setting = readonly [path: string, value: unknown];

interface ForkOptions {
  readonly at: number;
  readonly set: readonly Setting[];
  readonly json?: boolean;
}

export function forkCommand(): Command {
  return new Command('fork')
    .description('start a run that goes on where another one was, with other settings')
    .argument('<run>', 'workflow id of the parent')
    .requiredOption('--at <iteration>', 'the first iteration of the new run, at least 1', wholeNumber)
    .option(
      '--set <path=value...>',
      'update.learningRate=1e-5; the last part is enough where it is unique',
      setting,
      [],
    )
    .option('--json', 'the new run as one JSON object')
    .action(fork);
}

async function fork(parent: string, { at, set, json }: ForkOptions): Promise<void> {
  if (at < 1) throw new UsageError('a fork follows an iteration of its parent: --at 1 or more; before that, `train`');
  const { forkForm, readEntry } = await import('../runs/index.js');
  const { store, files } = await openRun(parent);
  const entry = await readEntry(store, files, at - 1);
  const forked = forkForm(entry);
  for (const [path, value] of set) assign(forked, path, value);
  checkForm(forked);

  const session = await openSession();
  try {
    const run = `${parent}-fork-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}`;
    await session.client.workflow.start('training', {
      workflowId: run,
      taskQueue: session.controlQueue,
      args: [forked],
      staticSummary: `fork of ${parent} at iteration ${at}`,
    });
    const url = runUrl(session, run);
    if (json) console.log(JSON.stringify({ run, parent, at, record: entry.ref.sha256, url }));
    else
      console.log(`started ${run}${url === undefined ? '' : `\n${url}`}\n\`npm start\` brings a worker and shows it`);
  } finally {
    await session.close();
  }
}

/** `path=value`; the value is JSON, or text where it is none. */
function setting(text: string, before: readonly Setting[]): readonly Setting[] {
  const [, path = '', value = ''] = /^([\w.]+)=(.*)$/s.exec(text) ?? [];
  if (path === '') throw new InvalidArgumentError('it must be path=value');
  return [...before, [path, valueOf(value)]];
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** A path that is there, or whose last part names one field only. */
function assign(form: Record<string, unknown>, path: string, value: unknown): void {
  const known = pathsOf(form);
  const fits = known.includes(path) ? [path] : known.filter((one) => one.endsWith(`.${path}`));
  if (fits.length > 1) throw new UsageError(`--set ${path}: say which, ${fits.join(' or ')}`);
  const keys = (fits[0] ?? path).split('.');
  let holder = form;
  for (const key of keys.slice(0, -1)) holder = (holder[key] ??= {}) as Record<string, unknown>;
  holder[keys.at(-1) ?? ''] = value;
}

function pathsOf(value: Record<string, unknown>, prefix = ''): string[] {
  return Object.entries(value).flatMap(([key, inner]) => [
    prefix + key,
    ...(typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? pathsOf(inner as Record<string, unknown>, `${prefix}${key}.`)
      : []),
  ]);
}
