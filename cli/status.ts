import Table from 'cli-table3';
import type { WorkflowExecutionDescription, WorkflowExecutionInfo } from '@temporalio/client';
import { Command } from 'commander';
import { SEARCH_ATTRIBUTES } from '../contracts/protocol/search-attributes.js';
import { percent } from './display/lines.js';
import { UsageError } from './errors.js';
import { listRuns } from './runs.js';
import { findSession, runUrl } from './session.js';

export function statusCommand(): Command {
  return new Command('status')
    .description('runs and how far they are')
    .argument('[run]', 'workflow id; default: the last twenty')
    .option('--json', 'an array of JSON objects')
    .action(status);
}

async function status(run: string | undefined, { json }: { json?: boolean }): Promise<void> {
  const session = await findSession();
  if (!session) throw new UsageError('no Temporal server: set TEMPORAL_ADDRESS, or start one by `npm start`');
  try {
    const runs =
      run === undefined ? await listRuns(session) : [await session.client.workflow.getHandle(run).describe()];
    const rows = runs.map((info) => ({ ...rowOf(info), url: runUrl(session, info.workflowId) }));
    if (json) console.log(JSON.stringify(rows));
    else console.log(rows.length === 0 ? 'no runs yet' : tableOf(rows));
  } finally {
    await session.close();
  }
}

type Listed = Pick<
  WorkflowExecutionInfo | WorkflowExecutionDescription,
  'workflowId' | 'status' | 'startTime' | 'typedSearchAttributes'
>;
type Row = ReturnType<typeof rowOf>;

function rowOf(info: Listed) {
  const { workflowId, status, startTime, typedSearchAttributes: attributes } = info;
  return {
    run: workflowId,
    status: status.name,
    started: startTime.toISOString(),
    model: attributes.get(SEARCH_ATTRIBUTES.model),
    algorithm: attributes.get(SEARCH_ATTRIBUTES.algorithm),
    phase: attributes.get(SEARCH_ATTRIBUTES.phase),
    iteration: attributes.get(SEARCH_ATTRIBUTES.iteration),
    reward: attributes.get(SEARCH_ATTRIBUTES.reward),
    accuracy: attributes.get(SEARCH_ATTRIBUTES.accuracy),
  };
}

function tableOf(rows: readonly Row[]): string {
  const table = new Table({
    head: ['run', 'status', 'started', 'model', 'algorithm', 'phase', 'iteration', 'reward', 'accuracy'],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    const share = (value: number | undefined): string => (value === undefined ? '' : percent(value));
    table.push([
      row.run,
      row.status.toLowerCase(),
      row.started.slice(0, 16).replace('T', ' '),
      row.model ?? '',
      row.algorithm ?? '',
      row.phase ?? '',
      row.iteration ?? '',
      share(row.reward),
      share(row.accuracy),
    ]);
  }
  return table.toString();
}
