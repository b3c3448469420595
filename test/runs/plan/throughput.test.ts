/** The probe by our own engine and learner, in their processes (compiled: dist/). */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { planRun } from '../../../runs/plan/plan-run.js';
import { writeCheckpoint } from '../../support/checkpoint.js';
import { withFolder } from '../../support/temporal.js';

test('what is not given is measured; the time follows from tokens and rates', async () => {
  await withFolder(async (folder) => {
    const form = { model: await writeCheckpoint(join(folder, 'model')), engine: { threads: 1 } };
    const { cost } = await planRun(form, { rates: { learn: 1234 } });
    expect(cost?.measured).toBe(true);
    const { rates, seconds, work } = cost!;
    expect(rates.learn).toBe(1234);
    for (const rate of [rates.generate, rates.score]) expect(rate).toBeGreaterThan(1);
    expect(seconds.generate).toBeCloseTo(work.generated / rates.generate, 9);
    // The frozen reference is a third of a step.
    expect(seconds.learn).toBeCloseTo((work.trained * 4) / 3 / 1234, 9);
    expect(seconds.oneMachine).toBeCloseTo(seconds.generate + seconds.score + seconds.learn, 9);
    expect(seconds.apart).toBeLessThan(seconds.oneMachine);
  });
});

const FAMILIES = fileURLToPath(new URL('../../fixtures/models/', import.meta.url));

test.each(readdirSync(FAMILIES, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])))(
  'a model of every family is planned: %s',
  async (family) => {
    const { cost } = await planRun({ model: join(FAMILIES, family), engine: { threads: 1 } });
    expect(cost?.measured).toBe(true);
    for (const rate of Object.values(cost!.rates)) expect(rate).toBeGreaterThan(1);
  },
);
