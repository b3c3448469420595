/** Problems from JSONL: one `{"prompt": …, "groundTruth": …}` a line, in one file or in the `.jsonl` files of a folder. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Problem, ProblemSource } from './problem-source.js';
import { problemSource } from './problem-source.js';

const answer = z.string().min(1);
/** Data sets carry more than we need: other keys are let be. */
const line = z.object({
  id: z.string().min(1).optional(),
  prompt: z.string().min(1),
  groundTruth: z.union([answer, z.array(answer).min(1)]),
});

/** There is nothing to train on: no file, or files without a line. */
export class EmptyProblemSet extends Error {
  override readonly name = 'EmptyProblemSet';

  constructor(readonly source: string) {
    super(`${source} holds no problems: it needs lines of {"prompt": …, "groundTruth": …} in a .jsonl file`);
  }
}

/** Lines that are no problems, or ids given twice. */
export class InvalidProblemSet extends Error {
  override readonly name = 'InvalidProblemSet';

  constructor(
    readonly source: string,
    /** Every one, as `file:line: what is wrong`. */
    readonly problems: readonly string[],
  ) {
    super(`${source} has ${problems.length} bad lines:\n${problems.map((p) => `- ${p}`).join('\n')}`);
  }
}

/**
 * @param location a file, or a folder whose `.jsonl` files are read in order of name
 * @throws EmptyProblemSet
 * @throws InvalidProblemSet listing every bad line
 */
export async function readProblems(location: string): Promise<ProblemSource> {
  const problems: string[] = [];
  const found: Omit<Problem, 'index'>[] = [];
  const ids = new Set<string>();
  for (const file of await problemFiles(location)) {
    const name = path.basename(file);
    const lines = (await readFile(file, 'utf8')).split('\n');
    for (const [i, text] of lines.entries()) {
      if (text.trim() === '') continue;
      const where = `${name}:${i + 1}`;
      const parsed = line.safeParse(parseJson(text));
      if (!parsed.success) {
        problems.push(
          `${where}: ${parsed.error.issues.map((issue) => [...issue.path, issue.message].join(' ')).join('; ')}`,
        );
        continue;
      }
      const { id = where, prompt, groundTruth } = parsed.data;
      if (ids.has(id)) problems.push(`${where}: id ${id} was given before`);
      ids.add(id);
      found.push({ id, prompt, groundTruth });
    }
  }
  if (problems.length > 0) throw new InvalidProblemSet(location, problems);
  if (found.length === 0) throw new EmptyProblemSet(location);
  return problemSource(path.basename(location), found.length, (index) => found[index]);
}

async function problemFiles(location: string): Promise<string[]> {
  if (!(await stat(location)).isDirectory()) return [location];
  const names = await readdir(location);
  return names
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => path.join(location, name));
}

/** undefined, which no schema takes, where the text is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
