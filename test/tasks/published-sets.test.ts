/** The authors' training set and six benchmarks, read from their own files. */
import { describe, expect, test } from 'vitest';
import { BOXED_INSTRUCTION } from '../../tasks/problem-columns.js';
import { readProblems } from '../../tasks/problem-files.js';
import { SHARED_DATA, sharedFile, WHERE_DATA_IS } from '../support/shared-data.js';

/** Problems, and the hash of each set's prompts and ground truths, from pyarrow's reading of the files. */
const SETS: readonly (readonly [file: string, size: number, sha256: string])[] = [
  ['aime24_1.parquet', 30, '2452f8fb7287407737100136d0cd911625cc75fb11251d10fba5a07998b9e6ae'],
  ['aime25_1.parquet', 30, 'd95ec35bbe873254606aa9eff98af20f9ac78a1eaff3e5262fb60391cb013c9b'],
  ['amc23_1.parquet', 40, 'ada5b83b1082d8a45d82c7e6b9967046ead9cb8c862008493f1a22c522edc10f'],
  ['dapo+math_train.parquet', 24898, 'feb6ba08cfa788f524a43f1e4dbf3497d32adb8ea6cfc23d5daa0c94ebdd0da9'],
  ['math500_1.parquet', 500, '8282837ac5a991475c0764d93db5f6510b7e7c42b1e4f314bbba028ed9af2787'],
  ['minerva_1.parquet', 272, 'b5dd0091d85518a338ef5dc528b1d1f19a2318cd2c91a94e7a022c6162eaf76b'],
  ['olympiad_1.parquet', 674, '8e963aeeb76f731f223c1a22a93f690a08bc1c666faba472f89834daf5e20d24'],
];

describe.skipIf(!SHARED_DATA)(`the authors' sets (${WHERE_DATA_IS})`, () => {
  test.each(SETS)('%s: %i problems', async (file, size, sha256) => {
    const source = await readProblems(sharedFile(file));
    expect([source.size, source.sha256]).toEqual([size, sha256]);
    const last = source.problem(size - 1);
    expect(last.id).toBe(`${file}:${size}`);
    // Chats of one question that hold the instruction already.
    expect(last.prompt).toEqual([{ role: 'user', content: expect.stringContaining(BOXED_INSTRUCTION) as string }]);
  });
});
