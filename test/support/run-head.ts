import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEAD_FILE, type RunHead } from '../../contracts/run-head.js';

export async function headOf({ runFolder }: { readonly runFolder: string }): Promise<RunHead> {
  return JSON.parse(await readFile(join(runFolder, HEAD_FILE), 'utf8')) as RunHead;
}
