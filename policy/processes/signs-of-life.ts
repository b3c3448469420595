/**
 * Signs of life of a child process. A graph that runs blocks the child's thread, of a large model for a minute; so a thread of
 * its own gives them, which stops with the process.
 */
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

/** The child's file descriptor, behind its input, output, error output and messages. */
const PULSE = 4;
const INTERVAL_MS = 1_000;

const THREAD = `
  const { writeSync } = require('node:fs');
  const { file, interval } = require('node:worker_threads').workerData;
  const beat = () => {
    try {
      writeSync(file, '.');
    } catch {} // the parent has gone, and this process ends for that by itself
  };
  setInterval(beat, interval);
`;

/** The child's side: from now on there are signs. */
export function sendSignsOfLife(): void {
  const workerData = { file: PULSE, interval: INTERVAL_MS };
  const resourceLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 };
  new Worker(THREAD, { eval: true, execArgv: [], workerData, resourceLimits }).unref();
}

/** The parent's side. It keeps nobody alive. @param stdio of the child */
export function watchSignsOfLife(stdio: readonly unknown[], onAlive: () => void): void {
  const pulse = stdio[PULSE] as Socket;
  pulse.on('data', onAlive);
  pulse.unref();
}

/** Several processes live when each of them that still has work has given a sign of it. */
export class SharedSignsOfLife {
  readonly #silent = new Set<number>();
  readonly #working: Set<number>;

  /** @param count of processes, all at work */
  constructor(
    count: number,
    private readonly onAlive: (() => void) | undefined,
  ) {
    this.#working = new Set(Array.from({ length: count }, (_, i) => i));
    this.#wait();
  }

  felt(process: number): void {
    this.#silent.delete(process);
    if (this.#silent.size > 0) return;
    this.#wait();
    this.onAlive?.();
  }

  end(process: number): void {
    this.#working.delete(process);
    this.#silent.delete(process);
  }

  #wait(): void {
    for (const one of this.#working) this.#silent.add(one);
  }
}
