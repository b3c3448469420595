/**
 * Histories of finished runs as files: protobuf's own JSON form, gzipped. (The SDK's `historyToJSON` fails where npm installs
 * protobufjs more than once, as it does here.)
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { temporal as proto } from '@temporalio/proto';
import type { Temporal } from './temporal.js';

const { History } = proto.api.history.v1;

export interface NamedHistory {
  readonly workflowId: string;
  readonly history: proto.api.history.v1.IHistory;
}

const FOLDER = new URL('../workflows/histories/', import.meta.url);
const SUFFIX = '.json.gz';

export async function recordedCases(): Promise<string[]> {
  const files = await readdir(fileURLToPath(FOLDER));
  return files.filter((file) => file.endsWith(SUFFIX)).map((file) => file.slice(0, -SUFFIX.length));
}

export async function readHistories(name: string): Promise<NamedHistory[]> {
  const text = (await promisify(gunzip)(await readFile(new URL(`${name}${SUFFIX}`, FOLDER)))).toString();
  const stored = JSON.parse(text) as { workflowId: string; history: object }[];
  return stored.map(({ workflowId, history }) => ({ workflowId, history: History.fromObject(history) }));
}

/** Writes every execution of the run and of its children. */
export async function writeHistories({ environment }: Temporal, name: string, run: string): Promise<void> {
  const { workflow } = environment.client;
  const stored: { workflowId: string; history: unknown }[] = [];
  const add = async (workflowId: string, runId?: string): Promise<void> => {
    const history = await workflow.getHandle(workflowId, runId).fetchHistory();
    const json = History.fromObject(history).toJSON();
    stored.push({ workflowId, history: JSON.parse(JSON.stringify(json), nameless) as unknown });
    for (const event of history.events ?? []) {
      const before = event.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
      const child = event.childWorkflowExecutionStartedEventAttributes?.workflowExecution;
      if (before) await add(workflowId, before);
      if (child?.workflowId) await add(child.workflowId, child.runId ?? undefined);
    }
  };
  await add(run);
  await writeFile(new URL(`${name}${SUFFIX}`, FOLDER), await promisify(gzip)(JSON.stringify(stored), { level: 9 }));
}

/** Without the names of the process and machine that recorded it: replay does not look at them. */
function nameless(key: string, value: unknown): unknown {
  return key === 'identity' ? 'recorded' : value;
}
