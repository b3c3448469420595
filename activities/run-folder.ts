import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Services } from './services.js';

/** The readable records of one run. The store holds the truth; everything here can be made again from it. */
export function runFolder({ runsFolder }: Services, run: string): string {
  return join(runsFolder, encodeURIComponent(run));
}

/**
 * Writes the line of `number` (iteration, policy version) into a JSON-lines file of the run and drops what has the same or a
 * higher number: writing twice, or going back to an earlier iteration, leaves each number once and in order.
 */
export async function writeLine(
  services: Services,
  run: string,
  file: string,
  line: { readonly number: number; readonly value: object },
): Promise<void> {
  const folder = runFolder(services, run);
  await mkdir(folder, { recursive: true });
  const path = join(folder, file);
  const before = (await readIfThere(path))
    .split('\n')
    .filter((text) => text !== '' && (JSON.parse(text) as { number: number }).number < line.number);
  const after = [...before, JSON.stringify({ number: line.number, ...line.value })];
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${after.join('\n')}\n`);
  await rename(temporary, path);
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
