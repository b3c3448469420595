/** What the server's unfinished workflows refer to. */
import type { Client } from '@temporalio/client';
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import { decodeArrayFromPayloads } from '../../contracts/protocol/temporal-internals.js';
import { historyOf } from '../../services/histories.js';
import { refsIn } from '../../contracts/artifacts/artifact-ref.js';
import type { LiveRefs } from './garbage.js';

/** All that runs on the server, children included. A workflow's history names everything it has been given and has made. */
export async function liveRefs(client: Client): Promise<LiveRefs[]> {
  const live: LiveRefs[] = [];
  for await (const { workflowId, runId, type } of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    const history = await historyOf(client, workflowId, runId);
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
    const heartbeats = (raw.pendingActivities ?? []).map(({ heartbeatDetails }) => heartbeatDetails);
    const values = await valuesIn([history?.events, heartbeats], client.options.loadedDataConverter);
    live.push({ run: workflowId, training: type === 'training', refs: refsIn(values) });
  }
  return live;
}

async function valuesIn(source: unknown, converter: LoadedDataConverter): Promise<unknown[]> {
  return Promise.all(
    payloadsIn(source).map(async (payload) => {
      const [value] = await decodeArrayFromPayloads(converter, [payload]);
      return value;
    }),
  );
}

/** Payloads anywhere in a message of the server. */
function payloadsIn(value: unknown): Payload[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  if ('metadata' in value && 'data' in value) return isJson(value as Payload) ? [value as Payload] : [];
  return Object.values(value).flatMap(payloadsIn);
}

/** Search attributes and empty values are payloads too, and name no artifact. */
function isJson({ metadata, data }: Payload): boolean {
  return Boolean(metadata?.encoding && data && data.length > 2 && !metadata.type);
}
