import type { WorkflowHandle } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Work } from './events.js';
import { describe, workOf } from './watch-run.js';

const POLL_MS = 1_000;

/** One line that says how far the activities of a workflow are, written over itself; none where it is no terminal. */
export async function showWork(handle: WorkflowHandle, stream: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  if (!stream.isTTY) return;
  while (!signal.aborted) {
    const description = await describe(handle);
    const converter = handle.client.options.loadedDataConverter;
    const work = description && (await workOf(description, handle.workflowId, converter));
    stream.write(`\r\u001b[K${work ? lineOf(work) : ''}`);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  stream.write('\r\u001b[K');
}

function lineOf(work: readonly Work[]): string {
  const sum = (of: (one: Work) => number): number => work.reduce((all, one) => all + of(one), 0);
  const names = [...new Set(work.map(({ name }) => name))].join(', ');
  return `${names || 'waiting'}: ${sum(({ done }) => done)} of ${sum(({ total }) => total)}, ${sum(({ tokens }) => tokens)} tokens`;
}
