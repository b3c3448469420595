import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { PEERS, REQUIREMENTS } from './peer-environment.js';

const VLLM = join(PEERS, 'vllm-requirements.txt');
const LLAMA = join(PEERS, 'llama', 'package.json');

/** Threads of ours and of every peer. */
export const THREADS = availableParallelism();

/** What figures depend on. */
export async function describeMachine(): Promise<object> {
  const requirements = (await Promise.all([REQUIREMENTS, VLLM].map((file) => readFile(file, 'utf8')))).join('\n');
  const { dependencies } = JSON.parse(await readFile(LLAMA, 'utf8')) as { dependencies: Record<string, string> };
  const peers = [...requirements.matchAll(/^([\w-]+)==(.+)$/gm)].map(([, name, version]) => [name, version]);
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    threads: THREADS,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    peers: { ...(Object.fromEntries(peers) as Record<string, string>), ...dependencies },
  };
}
