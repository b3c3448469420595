/** Three iterations of each mode through a real Temporal server, with the null engine. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunForm } from '../../contracts/config/form.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import { MAX_STATE_BYTES } from '../../contracts/protocol/result-size.js';
import { PROGRESS_QUERY, type RunProgress } from '../../contracts/protocol/run.js';
import { getJson } from '../../store/json.js';
import { nullRun } from '../support/null-run.js';
import { currentDetails } from '../support/steer.js';
import { Temporal } from '../support/temporal.js';

const MODES: Record<string, RunForm> = {
  'attnrl, one step off policy': { algorithm: 'attnrl' },
  'attnrl, on policy': { algorithm: 'attnrl', pipeline: 'on-policy' },
  treerl: { algorithm: 'treerl' },
  grpo: { algorithm: 'grpo' },
  'grpo, with the log-probs of the update': {
    algorithm: 'grpo',
    update: { oldLogProbs: 'update', miniBatchPaths: 1000 },
  },
};

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

async function linesOf(folder: string, file: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(folder, file), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Names of children in the order in which they started and ended: `+sample-1`, `-learn-0`. */
async function childEvents(workflowId: string): Promise<string[]> {
  const { events } = await temporal.environment.client.workflow.getHandle(workflowId).fetchHistory();
  const name = (id: string | null | undefined): string => (id ?? '').slice(workflowId.length + 1);
  return (events ?? []).flatMap((event) => {
    const { childWorkflowExecutionStartedEventAttributes: start, childWorkflowExecutionCompletedEventAttributes: end } =
      event;
    if (start) return [`+${name(start.workflowExecution?.workflowId)}`];
    return end ? [`-${name(end.workflowExecution?.workflowId)}`] : [];
  });
}

describe.each(Object.entries(MODES))('%s', (_, mode) => {
  it('trains, records, replays, and gives the same ledger again', async () => {
    const first = nullRun(temporal, mode, async ({ workflowId, result, services }) => {
      expect(result.iterations).toBe(3);
      expect(result.after.mean).toBeGreaterThan(result.before.mean);

      const ledger = await linesOf(result.runFolder, 'ledger.jsonl');
      expect(ledger.map((line) => line.iteration)).toEqual([0, 1, 2]);
      const head = await getJson<IterationRecord>(services.store, result.ledger!);
      expect(head.previous?.sha256).toBe(ledger[1].sha256);
      expect(head.policy.after).toEqual(result.policy);
      expect(await services.store.has(head.rows)).toBe(true);
      expect((await linesOf(result.runFolder, 'metrics.jsonl')).map((line) => line.iteration)).toEqual([0, 1, 2]);
      expect((await linesOf(result.runFolder, 'evaluations.jsonl')).map((line) => line.number)).toEqual([0, 2, 3]);

      const handle = temporal.environment.client.workflow.getHandle(workflowId);
      const progress = await handle.query<RunProgress>(PROGRESS_QUERY);
      expect(progress.phase).toBe('finished');
      expect(JSON.stringify(progress.state).length).toBeLessThan(MAX_STATE_BYTES);
      return result.ledger;
    });
    const second = nullRun(temporal, mode, ({ result }) => Promise.resolve(result.ledger));
    expect(await first).toEqual(await second);
  });
});

it('warns on the page where attention has no say in where responses are branched', async () => {
  // One token is one step, and the first step never has influence.
  const sampling = { problemsPerIteration: 2, responsesPerProblem: 2, maxResponseTokens: 1 };
  await nullRun(temporal, { iterations: 1, sampling }, async ({ workflowId, result }) => {
    const handle = temporal.environment.client.workflow.getHandle(workflowId);
    expect(await currentDetails(handle)).toContain('⚠ 4 of the newest 4 responses (100 %)');
    const [{ metrics }] = (await linesOf(result.runFolder, 'ledger.jsonl')) as unknown as IterationRecord[];
    expect(metrics.steps).toEqual({
      perResponse: 1,
      withoutInfluence: 1,
      cutBy: { 'blank-line': 0, line: 0, sentence: 0, token: 1 },
    });
  });
});

describe('the pipeline', () => {
  it('samples the next batch while this one is learnt from, both with policy m', async () => {
    await nullRun(temporal, { algorithm: 'attnrl' }, async ({ workflowId, result }) => {
      const events = await childEvents(workflowId);
      for (const m of [0, 1]) {
        expect(events.indexOf(`+sample-${m + 1}`)).toBeLessThan(events.indexOf(`-learn-${m}`));
        expect(events.indexOf(`+learn-${m}`)).toBeLessThan(events.indexOf(`-sample-${m + 1}`));
      }
      const ledger = (await linesOf(result.runFolder, 'ledger.jsonl')) as unknown as IterationRecord[];
      expect(ledger[1].initial.sampledBy).toEqual(ledger[0].policy.before);
    });
  });

  it('on policy samples with the policy that learns', async () => {
    await nullRun(temporal, { algorithm: 'attnrl', pipeline: 'on-policy' }, async ({ workflowId, result }) => {
      const events = await childEvents(workflowId);
      for (const m of [0, 1]) expect(events.indexOf(`-learn-${m}`)).toBeLessThan(events.indexOf(`+sample-${m + 1}`));
      const ledger = (await linesOf(result.runFolder, 'ledger.jsonl')) as unknown as IterationRecord[];
      for (const record of ledger) expect(record.initial.sampledBy).toEqual(record.policy.before);
    });
  });
});
