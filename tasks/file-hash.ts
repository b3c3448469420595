import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** SHA-256 of a small file's content. */
export async function fileHash(path: string | URL): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
