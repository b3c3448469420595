/**
 * Files that appear wholly or not at all: written under another name, flushed, renamed, and the folder flushed, so that
 * they also survive a power cut. What a killed process left is removed by `removeLeftovers`.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * @param incoming folder for unfinished files, on the same file system as where they go
 * @param write fills the file and gives its final path
 */
export async function writeAtomically(incoming: string, write: (file: FileHandle) => Promise<string>): Promise<string> {
  await mkdir(incoming, { recursive: true });
  const temporary = join(incoming, randomUUID());
  try {
    const file = await open(temporary, 'wx');
    let path: string;
    try {
      path = await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await putInPlace(temporary, path);
    return path;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Gives a whole and flushed file its final path, on the same file system. */
export async function putInPlace(temporary: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/**
 * Removes what of a folder nobody has written to for so long. Age is taken by the file system's own clock.
 * @param unfinished which names may be removed
 */
export async function removeLeftovers(
  incoming: string,
  ageMs: number,
  unfinished: (name: string) => boolean = () => true,
): Promise<void> {
  await mkdir(incoming, { recursive: true });
  const probe = join(incoming, randomUUID());
  await (await open(probe, 'wx')).close();
  const now = (await stat(probe)).mtimeMs;
  await rm(probe);
  for (const name of (await readdir(incoming)).filter(unfinished)) {
    const path = join(incoming, name);
    const modified = await stat(path).then(
      (entry) => entry.mtimeMs,
      () => Number.POSITIVE_INFINITY, // finished and renamed by now
    );
    if (now - modified > ageMs) await rm(path, { recursive: true, force: true });
  }
}

/** After it, files that are new in the folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
