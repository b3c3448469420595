/** One process of a verifier pool, seen from its parent. */
import { fork, type ChildProcess } from 'node:child_process';
import { CRASH, TIMEOUT, type VerifiedProblem } from './verifier.js';
import { type Verdict } from '../contracts/artifacts/verdict.js';
import type { FromVerifierProcess } from './verifier-process.js';

export interface Job {
  readonly problem: VerifiedProblem;
  readonly response: string;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
  /** How many processes somebody else has killed while they judged it. */
  kills: number;
}

export interface ChildLimits {
  readonly seconds: number;
  readonly verdictsPerProcess: number;
  readonly memory: number;
}

export interface ChildEvents {
  /** It has judged something. */
  readonly free: () => void;
  /** It is gone. `problem`: why it could not start. */
  readonly ended: (unjudged: readonly Job[], problem?: string) => void;
}

/** Sent ahead, so that the process never waits for its next job. */
const WINDOW = 16;
/** An operator, or a machine without memory, may kill a process for another reason than what it judges. */
const MOST_KILLS = 3;
/** Loading a module takes some tenths of a second, on a busy machine some seconds. */
const STARTING_SECONDS = 60;

export class VerifierChild {
  readonly #process: ChildProcess;
  /** In the order in which they are judged. */
  readonly #jobs: Job[] = [];
  #taken = 0;
  #ready = false;
  #late = false;
  #problem: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closing: Error | undefined;

  constructor(
    entry: string,
    module: readonly string[],
    private readonly limits: ChildLimits,
    private readonly events: ChildEvents,
  ) {
    this.#process = fork(entry, module, {
      execArgv: [`--max-old-space-size=${limits.memory}`],
      // What a verifier prints must not come between what a command prints.
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    this.#process.on('message', (message) => this.#receive(message as FromVerifierProcess));
    this.#process.once('error', ({ message }) => this.#end(message));
    this.#process.once('exit', (code, signal) => this.#end(signal ?? `exit code ${code}`));
    this.#timer = setTimeout(() => {
      this.#problem = `it took more than ${STARTING_SECONDS} s to load`;
      this.#process.kill('SIGKILL');
    }, STARTING_SECONDS * 1000);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get load(): number {
    return this.#jobs.length;
  }

  get hasRoom(): boolean {
    return this.#jobs.length < WINDOW && this.#taken < this.limits.verdictsPerProcess && !this.#late;
  }

  take(job: Job): void {
    this.#taken += 1;
    this.#jobs.push(job);
    // A process that is about to end takes no message: its end gives the job back.
    if (this.#process.connected) this.#process.send({ problem: job.problem, response: job.response }, () => undefined);
    if (this.#jobs.length === 1 && this.#ready) this.#startClock();
  }

  /** Ends the process; what it had is rejected. */
  async close(error: Error): Promise<void> {
    this.#closing = error;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await exited;
  }

  #receive(message: FromVerifierProcess): void {
    if ('problem' in message) {
      this.#problem = message.problem;
      return;
    }
    if ('ready' in message) this.#ready = true;
    else this.#jobs.shift()?.resolve(message.verdict);
    clearTimeout(this.#timer);
    if (this.#jobs.length > 0) this.#startClock();
    else if (this.#taken >= this.limits.verdictsPerProcess) this.#process.kill('SIGKILL');
    this.events.free();
  }

  /** The time of a verdict begins when the one before is there. */
  #startClock(): void {
    const [job] = this.#jobs;
    this.#timer = setTimeout(() => {
      // Where this process was busy itself, the verdict may be here already, unread.
      setImmediate(() => {
        if (this.#jobs[0] !== job) return;
        this.#late = true;
        this.#process.kill('SIGKILL');
      });
    }, this.limits.seconds * 1000);
  }

  #end(how: string): void {
    clearTimeout(this.#timer);
    this.#process.removeAllListeners();
    if (this.#closing) {
      for (const { reject } of this.#jobs.splice(0)) reject(this.#closing);
      return;
    }
    const killed = how === 'SIGKILL' && this.#problem === undefined;
    if (!this.#ready && !killed) this.events.ended(this.#jobs.splice(0), this.#problem ?? how);
    else {
      const [judged] = this.#jobs;
      if (judged) this.#blame(judged, how);
      this.events.ended(this.#jobs.splice(0));
    }
  }

  /** It ended over its first job, unless somebody else killed it. */
  #blame(job: Job, how: string): void {
    if (!this.#late && how === 'SIGKILL' && ++job.kills < MOST_KILLS) return;
    this.#jobs.shift();
    job.resolve(this.#late ? TIMEOUT : CRASH);
  }
}
