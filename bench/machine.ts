import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { REQUIREMENTS } from './peer-environment.js';

/** Threads of ours and of every peer. */
export const THREADS = availableParallelism();

/** What figures depend on. */
export async function describeMachine(): Promise<object> {
  const requirements = await readFile(REQUIREMENTS, 'utf8');
  const peers = [...requirements.matchAll(/^([\w-]+)==(.+)$/gm)].map(([, name, version]) => [name, version]);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    threads: THREADS,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    peers: Object.fromEntries(peers) as Record<string, string>,
  };
}
