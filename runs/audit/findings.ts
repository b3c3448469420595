/** What an audit finds out, and how it says so. */
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';

/** What is checked of an iteration, in the order in which it is shown. */
export const CHECKS = {
  chain: 'the record is what its hash says, follows the one before, and the mirror has it',
  artifacts: 'everything it names is there and is what its hash says',
  draw: "problems and cursor follow from the seed's order, none skipped, none doubled",
  responses: 'responses and branches are those that were asked for; steps and verdicts follow from their tokens',
  branching: 'selection and branch points follow from verdicts, influence and running means',
  tree: 'values, advantages, filter and training rows follow from the rewards',
  state: 'policy, running means, batch size and metrics follow from the iteration before and from the tables',
  provenance: 'the provenance names this record and follows the one before',
  history: "the server's history says the same, and has the same updates",
  replay: 'generated, scored and updated again: the same bits',
} as const;
export type Check = keyof typeof CHECKS;

export type Outcome = 'passed' | 'failed' | 'not done';

/** Something that is not as it must be. */
export interface Finding {
  readonly check: Check;
  /** Null: of no single iteration. */
  readonly iteration: number | null;
  readonly problem: string;
}

/** What somebody did to the run, as the server's history has it. */
export interface RunAction {
  readonly time: string;
  readonly identity: string;
  readonly action: string;
}

export interface IterationAudit {
  readonly iteration: number;
  readonly record: ArtifactRef<'iteration-record'>;
  /** SHA-256 of policy m+1's weights; null where they cannot be read. */
  readonly policy: string | null;
  readonly checks: Readonly<Record<Check, Outcome>>;
  /** Of its activities, from the provenance; null without one. */
  readonly attempts: { readonly activities: number; readonly repeated: number; readonly workers: number } | null;
}

export interface AuditReport {
  readonly run: string;
  readonly verdict: 'proved' | 'disproved';
  readonly iterations: readonly IterationAudit[];
  readonly findings: readonly Finding[];
  /** What could not be looked at, and why. */
  readonly notes: readonly string[];
  readonly actions: readonly RunAction[];
  readonly artifacts: { readonly checked: number; readonly bytes: number; readonly released: number };
}

/** Collects findings, and which checks were done. */
export class Findings {
  readonly all: Finding[] = [];
  readonly notes = new Set<string>();
  readonly #done = new Set<string>();

  add(check: Check, iteration: number | null, problem: string): void {
    this.all.push({ check, iteration, problem });
  }

  /** Notes that a check was carried through, whatever it found. */
  done(check: Check, iteration: number): void {
    this.#done.add(`${check} ${iteration}`);
  }

  outcome(check: Check, iteration: number): Outcome {
    if (this.all.some((finding) => finding.check === check && finding.iteration === iteration)) return 'failed';
    return this.#done.has(`${check} ${iteration}`) ? 'passed' : 'not done';
  }

  outcomes(iteration: number): Record<Check, Outcome> {
    const checks = Object.keys(CHECKS) as Check[];
    return Object.fromEntries(checks.map((check) => [check, this.outcome(check, iteration)])) as Record<Check, Outcome>;
  }
}

/** Where two JSON values first differ: `problems[3].phi is 0.5 instead of 0.25`; undefined where they are equal. */
export function difference(actual: unknown, expected: unknown, path = ''): string | undefined {
  if (isObject(actual) && isObject(expected) && Array.isArray(actual) === Array.isArray(expected)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      const at = Array.isArray(expected) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
      const found = difference(actual[key], expected[key], at);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (Object.is(actual, expected) || actual === expected) return undefined;
  return `${path || 'the value'} is ${show(actual)} instead of ${show(expected)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function show(value: unknown): string {
  if (value === undefined) return 'absent';
  const text = JSON.stringify(value) ?? '';
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** `tree 0a1b2c3d4e5f`. */
export function nameOf({ kind, sha256 }: ArtifactRef): string {
  return `${kind} ${sha256.slice(0, 12)}`;
}
