/** Rows of data files, a part at a time: a file may be larger than the memory. The one file that imports hyparquet. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

export interface Row {
  /** From 1: the line of a text, the row of a table. */
  readonly number: number;
  /** An object; something else where the file holds something else. */
  readonly value: unknown;
}

/**
 * @param needed which of the columns that are there are wanted; asked once for a table, and not for texts, whose rows are whole
 * @returns the rows of one file in order, in batches
 */
type RowReader = (path: string, needed: (present: readonly string[]) => readonly string[]) => AsyncIterable<Row[]>;

/** By ending of the file's name. */
export const ROW_READERS: Readonly<Record<string, RowReader>> = {
  '.jsonl': linesOf,
  '.json': elementsOf,
  '.parquet': tableRowsOf,
};

const BATCH = 1024;

/** One JSON value a line; empty lines are passed over. */
async function* linesOf(path: string): AsyncGenerator<Row[]> {
  let batch: Row[] = [];
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    if (text.trim() === '') continue;
    batch.push({ number, value: parseJson(text) });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

/** One JSON list. */
async function* elementsOf(path: string): AsyncGenerator<Row[]> {
  const list = parseJson(await readFile(path, 'utf8'));
  yield Array.isArray(list)
    ? list.map((value: unknown, i) => ({ number: i + 1, value }))
    : [{ number: 1, value: list }];
}

/** One row group at a time, of the needed columns alone. */
async function* tableRowsOf(
  path: string,
  needed: (present: readonly string[]) => readonly string[],
): AsyncGenerator<Row[]> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const present = parquetSchema(metadata).children.map(({ element }) => element.name);
  const columns = needed(present).filter((name) => present.includes(name));
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    const read = { file, metadata, compressors, columns, rowStart: start, rowEnd: end };
    const first = start + 1;
    const rows = columns.length === 0 ? [] : await parquetReadObjects(read);
    yield rows.map((value, i) => ({ number: first + i, value }));
    start = end;
  }
}

/** undefined, which is no row, where the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
