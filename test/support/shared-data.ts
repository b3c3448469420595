import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The authors' training set and benchmarks, where they lie beside the project. */
const FOLDER = resolve('..', 'shared', 'data');

export const SHARED_DATA = existsSync(FOLDER) ? FOLDER : undefined;
export const WHERE_DATA_IS = SHARED_DATA ?? `skipped: there is no ${FOLDER}`;

/** Files by name of the set, as the paper names its benchmarks. */
export const BENCHMARKS = {
  aime24: 'aime24_1.parquet',
  aime25: 'aime25_1.parquet',
  amc23: 'amc23_1.parquet',
  math500: 'math500_1.parquet',
  minerva: 'minerva_1.parquet',
  olympiad: 'olympiad_1.parquet',
};

export function sharedFile(name: string): string {
  return join(FOLDER, name);
}

export const TRAINING_SET = 'dapo+math_train.parquet';
