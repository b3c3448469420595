import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ifAbsent } from '../store/absent.js';
import { writeAtomically } from '../store/atomic-write.js';
import type { Services } from './services.js';

type Home = Pick<Services, 'runsFolder'>;

/** The readable records of one run. The store holds the truth; everything here can be made again from it. */
export function runFolder({ runsFolder }: Home, run: string): string {
  return join(runsFolder, folderName(run));
}

/** What file systems take, in bytes. */
const LONGEST_NAME = 255;
const HASH_DIGITS = 16;

/** The run's id, escaped, and cut where it is too long. What it decodes to names the same folder. */
function folderName(run: string): string {
  const name = encodeURIComponent(run);
  if (name === '.' || name === '..') return name.replaceAll('.', '%2E');
  if (name.length <= LONGEST_NAME) return name;
  let kept = '';
  for (const character of run) {
    const longer = kept + encodeURIComponent(character);
    if (longer.length + 1 + HASH_DIGITS > LONGEST_NAME) break;
    kept = longer;
  }
  return `${kept}~${createHash('sha256').update(run).digest('hex').slice(0, HASH_DIGITS)}`;
}

/** Whose a folder is. */
export interface RunOwner {
  /** Workflow id, as the run's records name it. */
  readonly run: string;
  /** The first execution of a training; the manifest of an evaluation, which is the same each time. */
  readonly owner: string;
}

/** Null where there is none, as in folders of versions that claimed none. */
export async function ownerOf(folder: string): Promise<RunOwner | null> {
  return JSON.parse(await readFile(join(folder, OWNER_FILE), 'utf8').catch(ifAbsent('null'))) as RunOwner | null;
}

const OWNER_FILE = 'owner.json';

/** Takes the run's folder. Another one's that had the same id becomes that of a run `ID~1`, or the next number that is free. */
export async function claimFolder(home: Home, { run, owner }: RunOwner): Promise<void> {
  const folder = runFolder(home, run);
  if ((await ownerOf(folder))?.owner === owner) return;
  const taken = new Set(await readdir(home.runsFolder).catch(ifAbsent<string[]>([])));
  if (taken.has(folderName(run))) {
    let number = 1;
    while (taken.has(folderName(`${run}~${number}`))) number += 1;
    await rename(folder, runFolder(home, `${run}~${number}`));
  }
  await replaceFile(folder, OWNER_FILE, `${JSON.stringify({ run, owner } satisfies RunOwner)}\n`);
}

/** Writes a file of a run's folder: there is the old one or the new one, whole. */
export async function replaceFile(folder: string, name: string, text: string): Promise<void> {
  await writeAtomically(folder, async (file) => {
    await file.writeFile(text);
    return join(folder, name);
  });
}

interface Line {
  readonly number: number;
  readonly value: object;
}

/**
 * Writes the line of `number` (iteration) into a JSON-lines file of the run, in place of the lines that have the same or a higher
 * number: writing twice, or going back to an earlier iteration, leaves each number once and in order. The disk has it when this
 * resolves. It takes the same time however long the file is.
 */
export async function writeLine(home: Home, run: string, name: string, { number, value }: Line): Promise<void> {
  const folder = runFolder(home, run);
  await inTurn(join(folder, name), async (path) => {
    await mkdir(folder, { recursive: true });
    const file = await open(path, constants.O_RDWR | constants.O_CREAT);
    try {
      const { size } = await file.stat();
      const end = await endBefore(file, size, number);
      if (end < size) await file.truncate(end);
      const line = Buffer.from(`${JSON.stringify({ number, ...value })}\n`);
      await file.write(line, 0, line.length, end);
      await file.datasync();
    } finally {
      await file.close();
    }
  });
}

/** The same for lines that come in any order (policy versions that are evaluated): all others stay. It writes the file anew. */
export async function insertLine(home: Home, run: string, name: string, { number, value }: Line): Promise<void> {
  const folder = runFolder(home, run);
  await inTurn(join(folder, name), async (path) => {
    const text = await readFile(path, 'utf8').catch(ifAbsent(''));
    const lines = new Map(text.split('\n').map((line) => [numberOf(line), line]));
    lines.delete(null);
    lines.set(number, JSON.stringify({ number, ...value }));
    const sorted = [...lines].sort(([a], [b]) => Number(a) - Number(b));
    await replaceFile(folder, name, sorted.map(([, line]) => `${line}\n`).join(''));
  });
}

/** The last writer of each file of this process: two at once would write into each other's lines. */
const writers = new Map<string, Promise<void>>();

async function inTurn(path: string, write: (path: string) => Promise<void>): Promise<void> {
  const before = writers.get(path) ?? Promise.resolve();
  const writing = before.then(() => write(path));
  const done = writing.catch(() => undefined); // its caller hears of it
  writers.set(path, done);
  await done;
  if (writers.get(path) === done) writers.delete(path);
  return writing;
}

/** Some ten lines of a ledger. */
const FIRST_LOOK_BYTES = 32_768;
const NEWLINE = 10;

/** Where the lines with a smaller number end. What is behind is to be replaced; so is the half of a line that a killed writer left. */
async function endBefore(file: FileHandle, size: number, number: number): Promise<number> {
  for (let look = FIRST_LOOK_BYTES; ; look *= 2) {
    const start = Math.max(0, size - look);
    const tail = Buffer.alloc(size - start);
    await file.read(tail, 0, tail.length, start);
    // The first line of the tail may have begun before it.
    const first = start === 0 ? 0 : tail.indexOf(NEWLINE) + 1;
    let end = tail.lastIndexOf(NEWLINE) + 1;
    while (end > first) {
      const begin = tail.subarray(0, end - 1).lastIndexOf(NEWLINE) + 1;
      const found = numberOf(tail.toString('utf8', begin, end));
      if (found !== null && found < number) return start + end;
      end = begin;
    }
    if (start === 0) return 0;
  }
}

/** Null for a torn line: what it was is in the store. */
function numberOf(line: string): number | null {
  try {
    const { number } = (JSON.parse(line) ?? {}) as { readonly number?: unknown };
    return typeof number === 'number' ? number : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
