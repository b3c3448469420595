/** Peak resident memory of another process (Linux): what tools/bench/peers/model.py does for its own. */
import { readFile, writeFile } from 'node:fs/promises';

/** Makes the peak start anew; returns the bytes resident now. */
export async function markMemory(pid: number): Promise<number> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
  return residentMemory(pid);
}

/** Bytes resident now. */
export function residentMemory(pid: number): Promise<number> {
  return statusBytes(pid, 'VmRSS');
}

/** Most bytes resident since `markMemory`. */
export function peakMemory(pid: number): Promise<number> {
  return statusBytes(pid, 'VmHWM');
}

async function statusBytes(pid: number, field: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new RangeError(`/proc/${pid}/status has no ${field}`);
  return Number(kibibytes) * 1024;
}
