import { Command } from 'commander';
import Table from 'cli-table3';
import type { ProblemSummary } from '../runs/inspect.js';
import { problemTree, spoken } from './display/problem-tree.js';
import { UsageError } from './errors.js';
import { openRun } from './run-store.js';
import { wholeNumber } from './whole-number.js';

export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'the problems of an iteration, or the tree of one: steps with FCI, branch points, rewards, advantages, texts',
    )
    .argument('<run>', 'workflow id')
    .argument('<iteration>', 'm, which turned policy m into policy m+1', wholeNumber)
    .argument('[problem]', 'place in the draw', wholeNumber)
    .option('--json', 'one JSON object')
    .action(inspect);
}

async function inspect(run: string, iteration: number, problem: number | undefined, { json }: { json?: boolean }) {
  const { Inspection, readEntry } = await import('../runs/index.js');
  const { store, files } = await openRun(run);
  const entry = await readEntry(store, files, iteration);
  const inspection = await Inspection.open(store, entry);
  if (problem === undefined) {
    const problems = inspection.problems();
    const { record } = entry;
    console.log(json ? JSON.stringify({ iteration, record, problems }) : problemTable(problems));
    return;
  }
  const view = inspection.problem(problem);
  if (!view)
    throw new UsageError(`iteration ${iteration} drew ${inspection.problems().length} problems, the first is 0`);
  console.log(json ? JSON.stringify(view) : problemTree(view));
}

function problemTable(problems: readonly ProblemSummary[]): string {
  const table = new Table({
    head: ['problem', 'in the set', 'correct', 'mean influence', 'branches', 'value', 'training paths', 'dropped'],
    style: { head: [], border: [] },
  });
  for (const { problem, index, correct, responses, phi, branches, value, paths, dropped } of problems) {
    table.push([
      problem,
      index,
      `${correct} of ${responses}`,
      phi?.toFixed(4) ?? '',
      branches,
      value.toFixed(3),
      paths,
      dropped === null ? '' : spoken(dropped),
    ]);
  }
  return table.toString();
}
