#!/usr/bin/env node
/** `npm run bench -- NAME [PART] [--json FILE]`: how fast we are, beside what others would use. */
import { writeFile } from 'node:fs/promises';
import { Argument, InvalidArgumentError, Option, program } from 'commander';
import { decode } from './decode.js';
import { iteration } from './iteration.js';
import { large } from './large.js';
import { learn } from './learn.js';
import { describeMachine } from './machine.js';
import { orchestration, type OrchestrationOptions } from './orchestration.js';
import { real, REAL_MODELS, REAL_PARTS, type RealOptions } from './real/main.js';
import { renderTable, toJson, type Row } from './report.js';
import { score } from './score.js';
import { verifier } from './verifier.js';

type Options = OrchestrationOptions & RealOptions;

const benches: Readonly<Record<string, (options: Options) => Promise<Row[]>>> = {
  decode,
  learn,
  large,
  score,
  iteration,
  real,
  orchestration,
  verifier,
};

async function run(
  name: string,
  part: RealOptions['part'],
  { json, ...options }: Options & { json?: string },
): Promise<void> {
  const rows = await benches[name]({ ...options, ...(part && { part }) });
  console.log(renderTable(rows));
  if (json !== undefined)
    await writeFile(json, `${JSON.stringify(toJson(name, await describeMachine(), rows), null, 2)}\n`);
}

await program
  .name('bench')
  .description(
    'Measure ours and the peers of tools/bench/peers in turn. The first use installs the peers (Python 3.10 or newer, 6 GB).',
  )
  .addArgument(new Argument('<name>', 'what to measure').choices(Object.keys(benches)))
  .addArgument(new Argument('[part]', 'of `real` (default: all)').choices(REAL_PARTS))
  .addOption(new Option('--model <name>', 'of `real` (default: all)').choices(REAL_MODELS))
  .option('--json <file>', 'write the rows there, too')
  .option('--iterations <number>', 'of the long run of `orchestration` (default: 1000)', wholeNumber)
  .option('--runs <number>', 'of `orchestration` at once (default: 20); 0: only the long one', wholeNumber)
  .action(run)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('it must be a whole number');
  return Number(text);
}
