import { AttemptError } from '../contracts/errors/retry-policy.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import type { PolicyTokenizer } from '../policy/model/tokenizer.js';
import type { VerifiedProblem, Verifier } from '../tasks/verifier.js';
import type { Verdict } from '../contracts/artifacts/verdict.js';
import { moduleHash } from '../tasks/verifiers.js';

import type { StoredRollout } from '../contracts/artifacts/stored-rollout.js';
import type { Prefixes } from '../iteration/prefixes.js';
import type { Services } from './services.js';

export { isOfTheMachine } from '../tasks/verifier.js';

/**
 * The user's verifier module is not the one that the run began with. It is tried again: the next worker may be on a machine with
 * the right file. Where none is, the run stops after some attempts (`failures.ts`).
 */
class VerifierChanged extends AttemptError {
  override readonly name = 'VerifierChanged';
  override readonly retry = 'transient';
  constructor(module: string, expected: string, found: string) {
    super(
      `the verifier ${module} is not what it was when the run began (SHA-256 ${found.slice(0, 12)} instead of ` +
        `${expected.slice(0, 12)}): put the old one back, or start a new run`,
    );
  }
}

/** Rejects with VerifierChanged. */
export async function verifierOf(manifest: RunManifest, services: Pick<Services, 'verifier'>): Promise<Verifier> {
  const { verifier: settings } = manifest.config;
  const expected = manifest.verifierModule;
  const found = await moduleHash(settings);
  if (expected !== undefined && found !== undefined && found !== expected)
    throw new VerifierChanged(settings.name, expected, found);
  return services.verifier(settings, found);
}

/** Judges whole paths: the kept part of the initial response and the new tokens. */
export class Judge {
  readonly #problems = new Map<number, VerifiedProblem>();

  constructor(
    private readonly verifier: Verifier,
    private readonly prefixes: Prefixes,
    private readonly tokenizer: PolicyTokenizer,
  ) {}

  verdict(rollout: StoredRollout): Promise<Verdict> {
    const response = this.tokenizer.decode([...this.prefixes.kept(rollout), ...rollout.tokens]);
    return this.verifier.verify(this.#problem(rollout.problem), response);
  }

  #problem(index: number): VerifiedProblem {
    const known = this.#problems.get(index);
    if (known) return known;
    const { prompt, groundTruth } = this.prefixes.problems[index];
    const problem = { prompt: this.tokenizer.text(prompt), groundTruth };
    this.#problems.set(index, problem);
    return problem;
  }
}
