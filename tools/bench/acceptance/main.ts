#!/usr/bin/env node
/** `npm run real -- smollm2-135m`: a real model through the `attnrl` command, from its plan to its export. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Argument, InvalidArgumentError, Option, program } from 'commander';
import { stopTemporalServer } from '../../../cli/temporal-server.js';
import { peerPython } from '../peer-environment.js';
import { REAL_MODELS, realModel, type RealModelName } from '../real-model.js';
import { Attnrl } from './command.js';
import { writeSetting, type Size } from './form.js';
import { withPeakMemory } from './process-tree.js';
import { Progress } from './progress.js';
import { reportTable, type StepReport } from './report.js';
import { Acceptance, NEEDS, STEPS, type StepName } from './steps.js';

interface Options extends Size {
  readonly without: readonly StepName[];
  readonly home?: string;
  readonly json?: string;
}

class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor(home: string) {
    super(`interrupted; the same command with --home ${home} goes on behind the steps that passed`);
  }
}

async function main(name: RealModelName, { without, home: kept, json, ...size }: Options): Promise<void> {
  await peerPython();
  const { directory } = await realModel(name);
  const home = kept === undefined ? await mkdtemp(join(tmpdir(), 'attnrl-real-')) : resolve(kept);
  await mkdir(home, { recursive: true });
  const progress = await Progress.open(home, name, size);
  const attnrl = new Attnrl(home);
  const setting = await writeSetting(home, directory, size);
  const acceptance = new Acceptance(attnrl, directory, setting, progress, (line) => console.log(`  ${line}`));
  const interrupted = new Promise<never>((_, reject) => {
    // Not once: who sends it to a whole group of processes may send it twice.
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => reject(new Interrupted(home)));
  });
  interrupted.catch(() => undefined); // it may come between two steps
  const reports: StepReport[] = [];
  try {
    for (const step of STEPS) {
      const passed = progress.state.passed.find((report) => report.step === step);
      const report = passed ?? (await Promise.race([reportOf(acceptance, step, without, reports), interrupted]));
      console.log(`${report.outcome.padEnd(8)} ${step}: ${report.result}`);
      reports.push(report);
      if (!passed && report.outcome === 'passed') await progress.note({ passed: [...progress.state.passed, report] });
    }
  } finally {
    await attnrl.interrupt();
    await stopTemporalServer(home);
  }
  console.log(reportTable(name, reports));
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ model: name, size, steps: reports }, null, 2)}\n`);
  const failed = reports.some(({ outcome }) => outcome === 'failed');
  if (failed) process.exitCode = 1;
  if (failed) console.log(`the same command with --home ${home} goes on behind the steps that passed`);
  else if (kept === undefined) await rm(home, { recursive: true, force: true });
}

async function reportOf(
  acceptance: Acceptance,
  step: StepName,
  without: readonly StepName[],
  before: readonly StepReport[],
): Promise<StepReport> {
  const none = { step, outcome: 'not done', seconds: 0, peakBytes: 0 } as const;
  if (without.includes(step)) return { ...none, result: '--without' };
  const needed = NEEDS[step];
  if (needed !== undefined && before.find((report) => report.step === needed)?.outcome !== 'passed')
    return { ...none, result: `there is no ${needed}` };
  const start = performance.now();
  const [done, peakBytes] = await withPeakMemory(() =>
    acceptance.do(step).then(
      (result) => ({ outcome: 'passed', result }) as const,
      (error: unknown) =>
        ({ outcome: 'failed', result: error instanceof Error ? error.message : String(error) }) as const,
    ),
  );
  return { step, ...done, seconds: (performance.now() - start) / 1000, peakBytes };
}

await program
  .name('real')
  .description(
    'Take a real model from its plan through an evaluation, a training that is killed and resumed, an audit with replay and a fork ' +
      'to an export that transformers opens. The first use installs transformers (Python 3.10 or newer, 6 GB).',
  )
  .addArgument(new Argument('<model>', 'made of packages of the index that pip is set up for').choices(REAL_MODELS))
  .option('--iterations <number>', 'of the training', wholeNumber, 3)
  .option('--problems <number>', 'of an iteration', wholeNumber, 4)
  .option('--responses <number>', 'to a problem', wholeNumber, 4)
  .option('--tokens <number>', 'at most in a response', wholeNumber, 96)
  .option('--seed <number>', 'of problems and run', wholeNumber, 1)
  .addOption(new Option('--without <steps...>', 'leave out these steps').choices(STEPS).default([]))
  .option('--home <folder>', "keep the run's store and records there; what has passed in it is not done again")
  .option('--json <file>', 'write the table there, too')
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1); // engines may be at work
  });

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('it must be a whole number above 0');
  return Number(text);
}
