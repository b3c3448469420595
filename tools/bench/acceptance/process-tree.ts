/** The processes below one (Linux: elsewhere none are seen), and the memory that they hold. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentMemory } from '../process-memory.js';

const LOOK_EVERY_MS = 250;

export async function descendantsOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => ''); // it may have just ended
  const children = text.split(' ').filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendantsOf))).flat()];
}

/** Does `work`, and tells the most bytes that the processes it starts have resident at once. */
export async function withPeakMemory<Result>(work: () => Promise<Result>): Promise<[Result, number]> {
  const over = new AbortController();
  const watching = watch(over.signal);
  const result = await work().finally(() => over.abort());
  return [result, await watching];
}

async function watch(over: AbortSignal): Promise<number> {
  let peak = 0;
  while (!over.aborted) {
    const pids = await descendantsOf(process.pid);
    const bytes = await Promise.all(pids.map((pid) => residentMemory(pid).catch(() => 0)));
    peak = Math.max(
      peak,
      bytes.reduce((sum, one) => sum + one, 0),
    );
    await sleep(LOOK_EVERY_MS, undefined, { signal: over }).catch(() => undefined);
  }
  return peak;
}
