import { constants } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Services } from './services.js';

/** The readable records of one run. The store holds the truth; everything here can be made again from it. */
export function runFolder({ runsFolder }: Services, run: string): string {
  return join(runsFolder, encodeURIComponent(run));
}

/**
 * Writes the line of `number` (iteration, policy version) into a JSON-lines file of the run, in place of the lines that have the
 * same or a higher number: writing twice, or going back to an earlier iteration, leaves each number once and in order. The disk has
 * it when this resolves. It takes the same time however long the file is.
 */
export async function writeLine(
  services: Services,
  run: string,
  name: string,
  { number, value }: { readonly number: number; readonly value: object },
): Promise<void> {
  const folder = runFolder(services, run);
  await mkdir(folder, { recursive: true });
  const file = await open(join(folder, name), constants.O_RDWR | constants.O_CREAT);
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
      const line = JSON.parse(tail.toString('utf8', begin, end)) as { readonly number: number };
      if (line.number < number) return start + end;
      end = begin;
    }
    if (start === 0) return 0;
  }
}
