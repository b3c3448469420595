/** The verifier on every ground truth of the authors' problem sets, which lie beside the project where they are given at all. */
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, test } from 'vitest';
import { sameAnswer } from '../../tasks/math/answer.js';
import { rewardOf } from '../../tasks/reward.js';

const folder = path.resolve(import.meta.dirname, '../../../shared/data');
const present = existsSync(folder);
const sets = present ? readdirSync(folder).filter((name) => name.endsWith('.parquet')) : [];

/** Ground truths of each problem. */
async function truthsOf(set: string): Promise<string[][]> {
  const { buffer, byteOffset, byteLength } = await readFile(path.join(folder, set));
  const file = buffer.slice(byteOffset, byteOffset + byteLength);
  const rows = await parquetReadObjects({ file, compressors, columns: ['reward_model'] });
  return rows.map(({ reward_model: { ground_truth } }) => [ground_truth as string | string[]].flat());
}

describe.skipIf(!present)(`problem sets (skipped without ../shared/data)`, () => {
  test.each(sets)('%s: each ground truth is right, whichever of them is given', async (set) => {
    const problems = await truthsOf(set);
    expect(problems.length).toBeGreaterThan(0);
    const refused = problems.flatMap((truths) =>
      truths.filter((truth) => rewardOf(`</think> \\boxed{${truth}}`, [truth]).reward !== 1),
    );
    // Two problems of the training set have no ground truth.
    expect(refused).toEqual(set.startsWith('dapo') ? ['', ''] : []);
  });

  test.each(sets.filter((set) => !set.startsWith('dapo')))(
    '%s: ground truths that are the same are those that people wrote in two ways',
    async (set) => {
      const truths = [...new Set((await truthsOf(set)).map(([first]) => first.trim()))];
      const taken = truths.flatMap((truth, i) =>
        truths
          .slice(i + 1)
          .filter((other) => sameAnswer(truth, other))
          .map((other) => `${truth} = ${other}`),
      );
      expect(taken).toMatchSnapshot();
    },
  );
});
