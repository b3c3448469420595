/**
 * Problems from data files: JSONL, a JSON list, or parquet, in our schema, verl's, DeepScaleR's, or with columns named by the
 * configuration. Files are read a part at a time; what stays in memory is what problems need.
 */
import { AttemptError } from '../contracts/errors/retry-policy.js';
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { knownSchemas, neededColumns, problemForm, problemOf, type ProblemFormOptions } from './problem-columns.js';
import { ROW_READERS } from './problem-rows.js';
import type { Problem, ProblemSource } from './problem-source.js';
import { problemSource } from './problem-source.js';

const ENDINGS = Object.keys(ROW_READERS).join(', ');
/** More bad lines than these are counted: the first ones tell what is wrong. */
const LISTED = 100;

/** There is nothing to train on: no file, or files without a row. */
export class EmptyProblemSet extends AttemptError {
  override readonly name = 'EmptyProblemSet';
  override readonly retry = 'transient';

  constructor(readonly source: string) {
    super(`${source} holds no problems: it needs rows in a file or folder of ${ENDINGS}`);
  }
}

/** Rows that are no problems, or ids given twice. */
export class InvalidProblemSet extends AttemptError {
  override readonly name = 'InvalidProblemSet';
  override readonly retry = 'transient';

  constructor(
    readonly source: string,
    /** The first hundred, as `file:line: what is wrong`, and how many more there are. */
    readonly problems: readonly string[],
  ) {
    super(`${source} has bad lines:\n${problems.map((p) => `- ${p}`).join('\n')}`);
  }
}

/** As read, by files and what is wanted of them: each iteration draws from the same set. */
const sources = new Map<string, Promise<ProblemSource>>();
/** A run's training set and its held-out sets, of a few runs. */
const KEPT_SOURCES = 32;

/**
 * @param location a file, or a folder whose files are read in order of name; the source is named by its last part
 * @throws EmptyProblemSet
 * @throws InvalidProblemSet
 */
export async function readProblems(location: string, options: ProblemFormOptions = {}): Promise<ProblemSource> {
  const files = await problemFiles(location);
  const stamps = await Promise.all(files.map(async (file) => ({ file, ...stampOf(await stat(file)) })));
  const key = JSON.stringify([location, options, stamps]);
  const source = sources.get(key) ?? readFiles(location, files, options);
  sources.delete(key); // last in the order in which they are dropped
  sources.set(key, source);
  if (sources.size > KEPT_SOURCES) sources.delete([...sources.keys()][0]);
  source.catch(() => sources.delete(key));
  return source;
}

async function readFiles(
  location: string,
  files: readonly string[],
  options: ProblemFormOptions,
): Promise<ProblemSource> {
  const reader = new ProblemReader(options);
  for (const file of files) await reader.read(file);
  const { problems, wrong, sha256 } = reader.result();
  if (wrong.length > 0) throw new InvalidProblemSet(location, wrong);
  if (problems.length === 0) throw new EmptyProblemSet(location);
  return problemSource(path.basename(location), problems.length, (index) => problems[index], sha256);
}

class ProblemReader {
  readonly #problems: Omit<Problem, 'index'>[] = [];
  readonly #wrong: string[] = [];
  #unlisted = 0;
  readonly #ids = new Set<string>();
  readonly #hash = createHash('sha256');

  constructor(private readonly options: ProblemFormOptions) {}

  async read(file: string): Promise<void> {
    const name = path.basename(file);
    const form = (present: readonly string[]) => problemForm(present, this.options);
    let table: readonly string[] | undefined;
    const needed = (present: readonly string[]): readonly string[] => {
      table = present;
      const ofTable = form(present);
      if (!ofTable) this.#fail(`${name}: ${unknownSchema(present)}`);
      return ofTable ? neededColumns(ofTable) : [];
    };
    try {
      for await (const rows of ROW_READERS[path.extname(file)](file, needed)) {
        for (const { number, value } of rows) {
          const place = `${name}:${number}`;
          const present = table ?? Object.keys(typeof value === 'object' && value !== null ? value : {});
          const found = form(present);
          if (!found) this.#fail(`${place}: ${unknownSchema(present)}`);
          else this.#add(place, problemOf(value, found, place));
        }
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== undefined) throw error; // of the disk, not of the file
      this.#fail(`${name}: cannot be read: ${(error as Error).message}`);
    }
  }

  result(): { problems: readonly Omit<Problem, 'index'>[]; wrong: readonly string[]; sha256: string } {
    const more = this.#unlisted > 0 ? [`and ${this.#unlisted} more`] : [];
    return { problems: this.#problems, wrong: [...this.#wrong, ...more], sha256: this.#hash.digest('hex') };
  }

  #add(place: string, row: ReturnType<typeof problemOf>): void {
    if ('wrong' in row) {
      this.#fail(`${place}: ${row.wrong.join('; ')}`);
      return;
    }
    const { id, prompt, groundTruth } = row.problem;
    if (this.#ids.has(id)) this.#fail(`${place}: id ${id} was given before`);
    this.#ids.add(id);
    this.#hash.update(`${JSON.stringify([prompt, groundTruth])}\n`);
    this.#problems.push(row.problem);
  }

  #fail(problem: string): void {
    if (this.#wrong.length < LISTED) this.#wrong.push(problem);
    else this.#unlisted += 1;
  }
}

function unknownSchema(present: readonly string[]): string {
  const has = present.length === 0 ? 'no columns' : present.join(', ');
  return `has ${has}: name the columns (task.options.columns), or use those of a known schema: ${knownSchemas()}`;
}

async function problemFiles(location: string): Promise<string[]> {
  if (!(await stat(location)).isDirectory()) {
    if (!(path.extname(location) in ROW_READERS)) throw new EmptyProblemSet(location);
    return [location];
  }
  const names = await readdir(location);
  return names
    .filter((name) => path.extname(name) in ROW_READERS)
    .sort()
    .map((name) => path.join(location, name));
}

function stampOf({ size, mtimeMs }: { size: number; mtimeMs: number }) {
  return { size, mtimeMs };
}
