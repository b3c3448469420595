/** A process of a verifier pool: loads the module that its arguments name (URL, SHA-256 where it is a user's), judges one message after the other. */
import { Worker } from 'node:worker_threads';
import { fileHash } from './file-hash.js';
import type { VerifiedProblem, Verify } from './verifier.js';
import type { Verdict } from '../contracts/artifacts/verdict.js';

export type FromVerifierProcess =
  { readonly ready: true } | { readonly problem: string } | { readonly verdict: Verdict };

interface ToVerifierProcess {
  readonly problem: VerifiedProblem;
  readonly response: string;
}

/** Ends the process when its parent is gone, also while a verdict hangs. */
const WATCH = `const parent = process.ppid;
setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 1000);`;

const LONGEST_REASON = 200;

process.once('disconnect', () => process.exit());
// They are sent to the whole group of processes: the parent decides when this one ends.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
new Worker(WATCH, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();

const verify = await load(process.argv[2], process.argv[3]);
if (verify) {
  let judged: Promise<void> = Promise.resolve();
  process.on('message', ({ problem, response }: ToVerifierProcess) => {
    judged = judged.then(async () => answer({ verdict: await judge(verify, problem, response) }));
  });
  answer({ ready: true });
}

async function load(module: string, sha256: string | undefined): Promise<Verify | undefined> {
  const imported = importOnly(module, sha256);
  const loaded = await imported.catch((error: unknown) => ({ verify: undefined, error }));
  if (typeof loaded.verify === 'function') return loaded.verify as Verify;
  const problem = 'error' in loaded ? messageOf(loaded.error) : 'it exports no function `verify`';
  process.send?.({ problem } satisfies FromVerifierProcess, () => process.exit(1));
  return undefined;
}

/** A process that is started in the middle of a run is to judge as those before it. */
async function importOnly(module: string, sha256: string | undefined): Promise<{ verify?: unknown }> {
  if (sha256 !== undefined && (await fileHash(new URL(module))) !== sha256)
    throw new Error('its file has changed since the work began');
  return import(module) as Promise<{ verify?: unknown }>;
}

async function judge(verify: Verify, problem: VerifiedProblem, response: string): Promise<Verdict> {
  try {
    const { reward, reason } = await verify(problem, response);
    if ((reward === 0 || reward === 1) && typeof reason === 'string')
      return { reward, reason: reason.slice(0, LONGEST_REASON) };
    return { reward: 0, reason: 'error: not a verdict {reward: 0 | 1, reason}' };
  } catch (error) {
    return { reward: 0, reason: `error: ${messageOf(error)}`.slice(0, LONGEST_REASON) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function answer(message: FromVerifierProcess): void {
  process.send?.(message);
}
