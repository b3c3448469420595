import Table from 'cli-table3';
import { Command } from 'commander';
import { join } from 'node:path';
import type { Collection, Totals } from '../runs/garbage/garbage.js';
import { readEnvironment } from '../contracts/environment.js';
import { LocalArtifactStore } from '../store/local-artifact-store.js';
import { UsageError } from './errors.js';
import { findSession } from './session.js';

export function gcCommand(): Command {
  return new Command('gc')
    .description('show what in the store no run needs; a run is kept as long as its folder under runs/ is there')
    .option('--delete', 'remove it')
    .option('--json', 'the result as one JSON object')
    .addHelpText(
      'after',
      "\nKept: everything that the ledgers of the runs in runs/ lead to (of weights, what each run's `retention` says), whatever\n" +
        'unfinished workflows of the server refer to, and what was written or used in the last 24 hours\n(weights that a run has let go: in the last hour).\n',
    )
    .action(gc);
}

async function gc({ delete: remove = false, json }: { delete?: boolean; json?: boolean }): Promise<void> {
  const session = await findSession();
  if (!session)
    throw new UsageError('no Temporal server: it knows which runs go on. Set TEMPORAL_ADDRESS, or `npm start`');
  try {
    const { collectUnneeded } = await import('../runs/index.js');
    const { home } = readEnvironment(process.env);
    const store = await LocalArtifactStore.open(join(home, 'store'));
    const collection = await collectUnneeded(store, home, session.client, { remove });
    console.log(json ? JSON.stringify(collection) : collectionTable(collection));
  } finally {
    await session.close();
  }
}

function collectionTable({ needed, leased, removable, removed, results }: Collection): string {
  const table = new Table({
    head: ['artifacts', 'objects', 'MB'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right'],
  });
  const row = (name: string, { objects, bytes }: Totals): void => {
    table.push([name, objects, (bytes / 1e6).toFixed(1)]);
  };
  row('needed by runs', needed);
  row('written or used a short while ago', leased);
  row('needed by nobody', removable);
  if (removed) row('removed', removed);
  const end = removed
    ? `${results} remembered results of them removed`
    : 'nothing was removed; `attnrl gc --delete` removes what nobody needs';
  return `${table.toString()}\n${end}`;
}
