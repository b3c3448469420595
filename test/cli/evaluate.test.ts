/** The compiled command with a worker of its own, on the shipped model. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ModelEvaluation } from '../../contracts/protocol/run.js';
import { Temporal, withFolder } from '../support/temporal.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

function evaluate(home: string, ...args: string[]): Promise<{ code: number; stdout: string }> {
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const env = { ...inherited, ATTNRL_HOME: home, TEMPORAL_ADDRESS: temporal.environment.address };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, 'evaluate', ...args], { env }, (_error, stdout) => {
      resolve({ code: child.exitCode ?? -1, stdout });
    });
  });
}

it('tells the figures of each set as JSON, and of what it has evaluated before as a table', async () => {
  await withFolder(async (folder) => {
    const sums = join(folder, 'sums.jsonl');
    await writeFile(sums, '{"prompt": "e:4+1;e?", "groundTruth": "5"}\n{"prompt": "e:4+2;e?", "groundTruth": "6"}\n');
    const asked = ['models/straight-line', '--sets', sums, '-k', '4', '--max-prompt', '32', '--max-response', '48'];
    const { code, stdout } = await evaluate(folder, ...asked, '--json');
    expect(code).toBe(0);
    const { sets, summary } = JSON.parse(stdout) as ModelEvaluation;
    expect(sets).toMatchObject([{ set: 'sums', problems: 2, samplesPerProblem: 4, skippedPrompts: 0 }]);
    expect(summary.mean).toBeCloseTo(sets[0].accuracy, 6);

    const { stdout: table } = await evaluate(folder, ...asked);
    for (const part of ['avg@k', 'pass@k', 'cut off', 'sums', `${(100 * summary.mean).toFixed(1)} %`])
      expect(table).toContain(part);
  });
});
