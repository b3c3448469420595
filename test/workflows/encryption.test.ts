/** What a run leaves in the server's database, with and without encryption. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import { expect, it } from 'vitest';
import { dataConverter } from '../../contracts/payload-encryption.js';
import { nullRun, nullServices, smallForm } from '../support/null-run.js';
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
