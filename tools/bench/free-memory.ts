/** Memory that a peer may use, so that it ends with an error where it does not fit, instead of taking the machine down (Linux). */
import { readFile } from 'node:fs/promises';

/** For what else runs on the machine. */
const RESERVE = 2 ** 30;

/** Bytes. */
export async function freeMemory(): Promise<number> {
  const kibibytes = /^MemAvailable:\s+(\d+) kB/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1];
  return Number(kibibytes) * 1024 - RESERVE;
}
