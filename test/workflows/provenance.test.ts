/** The provenance beside each record: who did it, when, in how many attempts. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { IterationProvenance } from '../../contracts/artifacts/iteration-provenance.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import { iterationRecord } from '../../contracts/artifacts/iteration-record-schema.js';
import { getJson } from '../../store/json.js';
import { headOf } from '../support/run-head.js';
import { nullRun } from '../support/null-run.js';
import { Temporal } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

it('names the record, the activities of both children and their workers, and is chained; the record has none of it', async () => {
  await nullRun(temporal, { iterations: 2 }, async ({ result, workflowId, services: { store } }) => {
    const head = await headOf(result);
    expect(head.record).toEqual(result.ledger);
    const provenance = await getJson<IterationProvenance>(store, head.provenance);
    expect(provenance).toMatchObject({ schema: 1, run: workflowId, iteration: 1, record: result.ledger });
    expect(provenance.activities.map(({ workflow, activity }) => `${workflow.split('/')[1]} ${activity}`)).toEqual(
      expect.arrayContaining(['sample-1 generate', 'sample-1 scoreInitial', 'learn-1 growTree', 'learn-1 update']),
    );
    for (const { attempts, worker, scheduled, started, ended } of provenance.activities) {
      expect(attempts).toBe(1);
      expect(provenance.workers[worker]).toMatchObject({ version: '0.1.0', node: process.version });
      expect([scheduled, started, ended].map((time) => new Date(time).toISOString())).toEqual([
        scheduled,
        started,
        ended,
      ]);
    }
    const first = await getJson<IterationProvenance>(store, provenance.previous!);
    expect(first).toMatchObject({ iteration: 0, previous: null });

    const record = await getJson<IterationRecord>(store, head.record);
    expect(iterationRecord.parse(record)).toEqual(record);
    expect(JSON.stringify(record)).not.toContain(workflowId);
  });
});
