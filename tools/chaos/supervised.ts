import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** As service managers have it: long enough that a process that cannot start yet does not busy the machine. */
const RESTART_MS = 300;

/** A process that is started again whenever it ends, as systemd, Docker or Kubernetes would do. */
export class Supervised {
  #child: ChildProcess | undefined;
  #stopped = false;
  #supervising: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly spawn: () => ChildProcess,
  ) {}

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    this.#supervising = this.#supervise();
  }

  /** False when it is not running just now. */
  kill(signal: NodeJS.Signals): boolean {
    return this.#child?.kill(signal) ?? false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.kill('SIGKILL');
    await this.#supervising;
  }

  async #supervise(): Promise<void> {
    while (!this.#stopped) {
      this.#child = this.spawn();
      await once(this.#child, 'exit');
      this.#child = undefined;
      if (!this.#stopped) await sleep(RESTART_MS);
    }
  }
}
