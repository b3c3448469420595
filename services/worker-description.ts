import { arch, availableParallelism, cpus, hostname, platform, totalmem } from 'node:os';
import type { WorkerDescription } from '../contracts/artifacts/iteration-provenance.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { codeVersion } from './project.js';

const keyOf = (identity: string): string => `worker ${identity}`;

/** Tells the store what runs behind a worker's identity, for the provenance. */
export async function describeWorker(store: ArtifactStore, identity: string): Promise<void> {
  const description: WorkerDescription = {
    ...(await codeVersion()),
    node: process.version,
    platform: `${platform()} ${arch()}`,
    host: hostname(),
    processor: cpus()[0]?.model ?? '',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
  await store.remember(keyOf(identity), description);
}

export async function workerDescription(store: ArtifactStore, identity: string): Promise<WorkerDescription | null> {
  return ((await store.recall(keyOf(identity))) as WorkerDescription | undefined) ?? null;
}
