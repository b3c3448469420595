/** Verdicts per second of the mathematics verifier, in its processes, on the golden cases (beside the project) or on answers of its own. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openVerifier } from '../../tasks/verifiers.js';
import type { VerifiedProblem } from '../../tasks/verifier.js';
import { inTurn, secondsOf } from './in-turn.js';
import { THREADS } from './machine.js';
import { alone, type Row } from './report.js';

/** ../shared/golden beside the project, seen from dist/tools/bench. */
const GOLDEN = fileURLToPath(new URL('../../../../shared/golden/reward.json', import.meta.url));
const REPEATS = 4;
/** 500 verdicts a second. */
const MOST_MILLISECONDS = 2;

interface Case {
  readonly problem: VerifiedProblem;
  readonly response: string;
}

export async function verifier(): Promise<Row[]> {
  const { name, cases } = await goldenCases();
  const round = Array.from({ length: REPEATS }, () => cases).flat();
  const pool = openVerifier({ name: 'math', secondsPerVerdict: 5, processes: THREADS });
  try {
    const judge = (): Promise<unknown> =>
      Promise.all(round.map(({ problem, response }) => pool.verify(problem, response)));
    const { ours } = await inTurn(`verifier ${name}`, { ours: () => secondsOf(judge) });
    const measured = { case: `${name} · ${THREADS} processes` };
    return [
      alone({ ...measured, metric: 'verdicts', unit: '1/s', ours: round.length / ours }),
      alone(
        { ...measured, metric: 'time a verdict', unit: 'ms', ours: (1000 * ours) / round.length },
        MOST_MILLISECONDS,
      ),
    ];
  } finally {
    await pool.close();
  }
}

async function goldenCases(): Promise<{ name: string; cases: Case[] }> {
  const file = await readFile(GOLDEN, 'utf8').catch(() => undefined);
  if (file === undefined) return { name: `${OWN.length} answers`, cases: OWN };
  const golden = JSON.parse(file) as { cases: { response: string; ground_truth: string | string[] }[] };
  const cases = golden.cases.map(({ response, ground_truth }) => ({
    response,
    problem: { groundTruth: ground_truth },
  }));
  return { name: `${cases.length} golden cases`, cases };
}

const OWN: Case[] = [
  ['5', '5'],
  ['3.5 \\text{ hours}', '\\frac{7}{2}'],
  ['(1+x)(1+x)', 'x^2+2x+1'],
  ['11\\sqrt{3}', '11\\sqrt{2}'],
  ['(3,\\infty)\\cup(-\\infty,2)', '(-\\infty, 2) \\cup (3, \\infty)'],
  ['\\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}', '\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}'],
].map(([answer, groundTruth]) => ({ problem: { groundTruth }, response: `</think>\n\n$\\boxed{${answer}}$` }));
