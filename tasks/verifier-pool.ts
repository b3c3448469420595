/**
 * Judges in processes that can be killed. A response that hangs, explodes or crashes costs its own verdict and no other: the
 * process ends, what waited behind it goes to a fresh one.
 */
import { AttemptError } from '../contracts/errors/retry-policy.js';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { VerifiedProblem, Verifier } from './verifier.js';
import type { Verdict } from '../contracts/artifacts/verdict.js';
import { VerifierChild, type Job } from './verifier-child.js';

export interface PoolSettings {
  /** URL of a module that exports `verify`. */
  readonly module: string;
  /** Of the module's content, which is not loaded where it is another one; left out: any. */
  readonly sha256?: string;
  /** Of one verdict. */
  readonly seconds: number;
  /** 0: one per core. They are started when there is work for them. */
  readonly processes: number;
  /** Verdicts after which a process is replaced, so that nothing it leaks adds up. */
  readonly verdictsPerProcess?: number;
  /** Of a process's heap, in MiB. */
  readonly memory?: number;
}

/** The verifier's module could not be loaded, or exports no function `verify`. */
export class VerifierDoesNotStart extends AttemptError {
  override readonly name = 'VerifierDoesNotStart';
  override readonly retry = 'transient';
  constructor(
    readonly module: string,
    why: string,
  ) {
    super(`the verifier ${module} does not start: ${why}`);
  }
}

/** The child runs compiled code also where this file is run from its source (tests). */
const ENTRY = compiled('./verifier-process.js');

/** Path of a module of this folder as node can run it. */
export function compiled(module: string): string {
  const here = fileURLToPath(new URL(module, import.meta.url));
  return here.includes('/dist') ? here : here.replace('/tasks/', '/dist/tasks/');
}

export class VerifierPool implements Verifier {
  readonly #settings: Required<Omit<PoolSettings, 'sha256'>> & Pick<PoolSettings, 'sha256'>;
  readonly #waiting: Job[] = [];
  readonly #children = new Set<VerifierChild>();

  constructor(settings: PoolSettings) {
    const processes = settings.processes === 0 ? availableParallelism() : settings.processes;
    this.#settings = { verdictsPerProcess: 2000, memory: 512, ...settings, processes };
  }

  /** Process ids of the running children, for measurements and kills. */
  get pids(): number[] {
    return [...this.#children].flatMap(({ pid }) => pid ?? []);
  }

  /** @throws VerifierDoesNotStart; nothing that a response holds is an error */
  readonly verify = (problem: VerifiedProblem, response: string): Promise<Verdict> =>
    new Promise((resolve, reject) => {
      this.#waiting.push({ problem, response, resolve, reject, kills: 0 });
      this.#dealOut();
    });

  get busy(): boolean {
    return this.#waiting.length > 0 || [...this.#children].some(({ load }) => load > 0);
  }

  async close(): Promise<void> {
    const error = new Error('the verifier was closed');
    this.#waiting.splice(0).forEach(({ reject }) => reject(error));
    const children = [...this.#children];
    this.#children.clear();
    await Promise.all(children.map((child) => child.close(error)));
  }

  /** Each job to the process with the least to do; a new process while there may be one more. */
  #dealOut(): void {
    while (this.#waiting.length > 0) {
      const open = [...this.#children].filter(({ hasRoom }) => hasRoom);
      const idle = open.find(({ load }) => load === 0);
      if (!idle && this.#children.size < this.#settings.processes) this.#start();
      else {
        const least = idle ?? open.sort((a, b) => a.load - b.load).at(0);
        if (!least) return;
        least.take(this.#waiting.shift()!);
      }
    }
  }

  #start(): void {
    const { module, sha256, seconds, verdictsPerProcess, memory } = this.#settings;
    const child: VerifierChild = new VerifierChild(
      ENTRY,
      [module, ...(sha256 === undefined ? [] : [sha256])],
      { seconds, verdictsPerProcess, memory },
      {
        free: () => this.#dealOut(),
        ended: (unjudged, problem) => {
          this.#children.delete(child);
          this.#waiting.unshift(...unjudged);
          if (problem !== undefined) {
            const error = new VerifierDoesNotStart(module, problem);
            this.#waiting.splice(0).forEach(({ reject }) => reject(error));
          }
          this.#dealOut();
        },
      },
    );
    this.#children.add(child);
  }
}
