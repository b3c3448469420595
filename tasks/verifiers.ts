/** The verifiers that a run's configuration can name. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fileHash } from './file-hash.js';
import { type AnswerPlace, rewardOf } from './reward.js';
import type { Verifier } from './verifier.js';
import { compiled, VerifierPool } from './verifier-pool.js';

export interface VerifierSettings {
  /** `math`, `math-in-process`, or the path of a module that exports `verify`. */
  readonly name: string;
  /** Where the mathematics verifiers look for an answer; left out: `boxed`. */
  readonly answer?: AnswerPlace;
  readonly secondsPerVerdict: number;
  readonly processes: number;
}

/** The rules of `math` in the process of the caller: for tasks whose answers are short. */
const inProcess = (answer?: AnswerPlace): Verifier => ({
  busy: false, // and no process to be ended
  verify: ({ groundTruth }, response) => Promise.resolve(rewardOf(response, groundTruth, answer)),
  close: () => Promise.resolve(),
});

/** @param sha256 of the user's module, as `moduleHash` gives it: no other content is loaded */
export function openVerifier(
  { name, answer, secondsPerVerdict: seconds, processes }: VerifierSettings,
  sha256?: string,
): Verifier {
  if (name === 'math-in-process') return inProcess(answer);
  const own = answer === 'anywhere' ? 'verify-anywhere.js' : 'verify.js';
  const path = isModule(name) ? resolve(name) : compiled(`./${name}/${own}`);
  return new VerifierPool({ module: pathToFileURL(path).href, seconds, processes, ...(sha256 && { sha256 }) });
}

/** Whether the name is the path of a user's module. */
function isModule(name: string): boolean {
  return /\.[cm]?js$/.test(name);
}

/** Names a user's module by its content; undefined for the project's own verifiers. Rejects where the file cannot be read. */
export async function moduleHash({ name }: Pick<VerifierSettings, 'name'>): Promise<string | undefined> {
  if (!isModule(name)) return undefined;
  return fileHash(resolve(name));
}

/**
 * Tries the verifier on nothing.
 * @returns what is wrong with it
 */
export async function checkVerifier(settings: VerifierSettings): Promise<string | undefined> {
  const { name } = settings;
  if (!isModule(name)) return OWN.includes(name) ? undefined : `no verifier "${name}"; there are ${OWN.join(', ')}`;
  const verifier = openVerifier({ ...settings, processes: 1 });
  try {
    await verifier.verify({ prompt: '', groundTruth: '' }, '');
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await verifier.close();
  }
}

const OWN = ['math', 'math-in-process'];
