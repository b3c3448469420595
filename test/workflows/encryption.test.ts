/** What a run leaves in the server's database, with and without encryption. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { IterationProvenance } from '../../contracts/artifacts/iteration-provenance.js';
import { dataConverter } from '../../contracts/protocol/payload-encryption.js';
import { getJson } from '../../store/json.js';
import { NullLearner } from '../../tools/bench/null-engine.js';
import { nullRun, nullServices, smallForm } from '../support/null-run.js';
import { startChild } from '../support/process.js';
import { headOf } from '../support/run-head.js';
import { currentDetails } from '../support/steer.js';
import { Temporal, withFolder } from '../support/temporal.js';

/** Two runs: one to its end, one that fails for a misspelt field. Returns all bytes the server wrote. */
async function databaseAfterRuns(converter?: DataConverter): Promise<{ bytes: Buffer; model: string }> {
  return withFolder(async (folder) => {
    const { model } = await smallForm({});
    const temporal = await Temporal.start(['--db-filename', join(folder, 'temporal.db')], { dataConverter: converter });
    try {
      await nullRun(temporal, { iterations: 1 }, () => Promise.resolve());
      const refused = temporal.withWorkers(await nullServices(join(folder, 'refused')), (taskQueue) => {
        const options = { workflowId: 'refused', taskQueue, args: [{ misspeltField: 1 }] };
        return temporal.environment.client.workflow.execute('training', options);
      });
      // The client reads the failure, encrypted or not.
      await expect(refused).rejects.toMatchObject({
        cause: { message: expect.stringContaining('misspeltField') as string },
      });
    } finally {
      await temporal.stop();
    }
    const files = (await readdir(folder)).filter((name) => name.startsWith('temporal.db'));
    return {
      bytes: Buffer.concat(await Promise.all(files.map((name) => readFile(join(folder, name))))),
      model: model!,
    };
  });
}

/** A name of the configuration, its value, a field of results, a word of a failure and one of a summary. */
const words = (model: string): string[] => [
  'problemsPerIteration',
  model,
  'controller',
  'misspeltField',
  'InvalidConfig',
];

it('without encryption the database holds the configuration in plain text', async () => {
  const { bytes, model } = await databaseAfterRuns();
  expect(words(model).filter((word) => bytes.includes(word))).toEqual(words(model));
});

it('with encryption the database holds no plain text of the configuration, of results or of failures', async () => {
  const keys = `test:${randomBytes(32).toString('base64')}`;
  const { bytes, model } = await databaseAfterRuns(dataConverter({ ATTNRL_PAYLOAD_KEYS: keys }));
  expect(bytes.includes('binary/encrypted')).toBe(true);
  // The type of a failure decides about retries: the server reads it.
  expect(words(model).filter((word) => bytes.includes(word))).toEqual(['InvalidConfig']);
});

it('with encryption the command, the page and the provenance show progress and failures as they are', async () => {
  const keys = `test:${randomBytes(32).toString('base64')}`;
  const temporal = await Temporal.start([], { dataConverter: dataConverter({ ATTNRL_PAYLOAD_KEYS: keys }) });
  const failure = 'the accelerator was taken away';
  let failures = 1;
  let learn!: () => void;
  const allowed = new Promise<void>((resolve) => (learn = resolve));
  class Fragile extends NullLearner {
    override async update(...args: Parameters<NullLearner['update']>) {
      if (failures-- > 0) throw new Error(failure);
      await allowed;
      return super.update(...args);
    }
  }
  const form = { iterations: 1, distribution: { heartbeatSeconds: 5 } };
  try {
    await nullRun(
      temporal,
      form,
      async ({ result, services: { store } }) => {
        const { activities } = await getJson<IterationProvenance>(store, (await headOf(result)).provenance);
        const update = activities.find(({ activity }) => activity === 'update');
        expect(update).toMatchObject({ attempts: 2, lastFailure: failure });
      },
      () => new Fragile(),
      async (handle) => {
        const { taskQueue } = await handle.describe();
        const env = {
          TEMPORAL_ADDRESS: temporal.environment.address,
          ATTNRL_PAYLOAD_KEYS: keys,
          ATTNRL_QUEUE_PREFIX: taskQueue.replace('-control', ''),
        };
        const command = [process.execPath, 'dist/cli/main.js', 'train', '--resume', '--no-worker', '--json'];
        const retry = `"retry","name":"learn-0 update","attempt":2,"failure":"${failure}"`;
        const shown = await startChild(command, {
          env,
          until: new RegExp(`${retry}[^]*"learn-0 update","done":0,"total":[1-9]`),
        });
        await expect
          .poll(() => currentDetails(handle), { timeout: 60_000, interval: 500 })
          .toContain(`update, attempt 2: the one before failed, Error: ${failure}`);
        learn();
        expect(await shown.exited).toBe(0);
      },
    );
  } finally {
    await temporal.stop();
  }
});
