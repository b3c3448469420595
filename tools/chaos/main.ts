#!/usr/bin/env node
/** `npm run chaos -- --kills 20 --seed 0`: a run that is killed again and again ends with the bits of one that is not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, program } from 'commander';
import { planKills } from './kills.js';
import { chaosTable, verdictOf } from './report.js';
import { chaosForm, trainUnder, type ChaosRun, type Killed } from './training.js';

interface ChaosOptions {
  readonly kills: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** Of the time an undisturbed run takes: a killed one takes longer, so all kills come in time. */
const STRUCK_SHARE = 0.9;

/** Exported for the test that runs a part of it. */
export async function chaos(
  { kills, seed }: Pick<ChaosOptions, 'kills' | 'seed'>,
  tell: (line: string) => void,
): Promise<{ undisturbed: ChaosRun; disturbed: ChaosRun; problems: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-chaos-'));
  const form = { ...chaosForm(Math.max(3, Math.ceil(kills / 4))), seed };
  const show = ({ happened, victim, signal }: Killed): void => tell(`${happened.toFixed(1)} s  ${signal}  ${victim}`);
  try {
    const undisturbed = await trainUnder(join(folder, 'undisturbed'), form, [], show);
    tell(`undisturbed: ${undisturbed.seconds.toFixed(1)} s`);
    const planned = planKills(seed, kills, STRUCK_SHARE * undisturbed.seconds);
    const disturbed = await trainUnder(join(folder, 'disturbed'), form, planned, show);
    return { undisturbed, disturbed, problems: verdictOf(undisturbed, disturbed, kills, form.engine?.chunk ?? 16) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const options = program
    .name('chaos')
    .description('Kill processes of a short training at random moments, and compare it with one that is left alone.')
    .option('--kills <number>', 'how many', wholeNumber, 20)
    .option('--seed <number>', 'decides who is killed when, and seeds the run', wholeNumber, 0)
    .option('--json', 'one JSON object instead of the table')
    .parse()
    .opts<ChaosOptions>();
  const result = await chaos(options, options.json ? () => undefined : console.log);
  console.log(options.json ? JSON.stringify(result) : chaosTable(result));
  process.exitCode = result.problems.length === 0 ? 0 : 1;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('it must be a whole number');
  return Number(text);
}

if (process.argv[1]?.endsWith('/chaos.js')) await main();
