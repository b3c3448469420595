/**
 * Mutated answers of every form, ATTNRL_FUZZ of them (`npm run fuzz`: 100,000): each gets a verdict within the limit, nothing
 * crashes, and who is compared with whom does not matter. The seed is fixed: the same answers each time.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sameAnswer } from '../../tasks/math/answer.js';
import { openVerifier } from '../../tasks/verifiers.js';

const RUNS = Number(process.env.ATTNRL_FUZZ ?? 2000);
const SEED = 20_260_101;

const raw = String.raw;
const ANSWERS = [
  ...[
    '5',
    '-17',
    '0.25',
    '1,234',
    '033',
    '1.5e3',
    raw`1.24 \times 10^{-8}`,
    raw`3\frac{1}{4}`,
    raw`\frac{3}{56}`,
    '3/4',
  ],
  ...[
    raw`11\sqrt{2}`,
    raw`\frac{\sqrt{3}}{3}`,
    raw`3\sqrt[3]{4}`,
    raw`\frac{67 \pi}{3}`,
    raw`2^{100}`,
    raw`\frac{100!}{2^{50}}`,
  ],
  ...[
    'x^2+2x+1',
    raw`\frac{x+2}{7}`,
    '(x-1)^3(x+1)^3',
    raw`b \delta(t)+1-e^{-at}`,
    raw`\sin^2 x + \cos(2x)`,
    raw`\ln 2`,
  ],
  ...[raw`\left\lfloor\log _{2} n\right\rfloor+1`, '|x-2|', raw`\binom{2n}{n}`, 'n!', 'f(x)=x+1', 'y = 2x + 3', 'x=5'],
  ...[
    '(-1,6)',
    '[2,5)',
    raw`(-\infty, 2) \cup (3, \infty)`,
    raw`x \in [-2,7]`,
    raw`1 < x \le 2`,
    '3,5,7',
    raw`\{1,2,3\}`,
  ],
  ...[
    raw`2 \pm \sqrt{3}`,
    raw`\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}`,
    '3+4i',
    raw`e^{i\pi/3}`,
    '4210_{5}',
    '3:4',
    raw`25\%`,
  ],
  ...[
    raw`336^\circ`,
    raw`5.4 \text{ cents}`,
    raw`\$32,\!348`,
    raw`\text{(C)}`,
    raw`\text{east}`,
    '1 or -2',
    raw`0.\overline{3}`,
  ],
];
const PIECES = [
  ...[
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    '|',
    ',',
    '.',
    '-',
    '+',
    '/',
    '*',
    '^',
    '_',
    '!',
    '=',
    '<',
    ':',
    '$',
    '%',
    '&',
    "'",
    ' ',
  ],
  ...[
    '0',
    '1',
    '9',
    '99999',
    'e',
    'i',
    'x',
    'n',
    'or',
    '\\',
    '\\\\',
    '\\frac',
    '\\sqrt',
    '\\text{',
    '\\left',
    '\\pm',
    '\\{',
  ],
  ...[
    '\\}',
    '\\infty',
    '\\sin',
    '\\log_',
    '\\binom',
    '\\overline{',
    '\\begin{pmatrix}',
    '\\end{pmatrix}',
    '\\cup',
    '\\in',
  ],
  ...['\\boxed{', '</think>', '√', '−', '\u0000', '\ud800', '中'],
];

const answer = fc.constantFrom(...ANSWERS);
const place = fc.nat(1000);
const mutation: fc.Arbitrary<(text: string) => string> = fc.oneof(
  fc.tuple(place, fc.constantFrom(...PIECES)).map(([at, piece]) => (text: string) => {
    const i = at % (text.length + 1);
    return text.slice(0, i) + piece + text.slice(i);
  }),
  fc.tuple(place, fc.integer({ min: 1, max: 5 })).map(([at, count]) => (text: string) => {
    const i = at % (text.length + 1);
    return text.slice(0, i) + text.slice(i + count);
  }),
  fc.tuple(place, place, fc.integer({ min: 2, max: 300 })).map(([from, to, times]) => (text: string) => {
    const [i, j] = [from % (text.length + 1), to % (text.length + 1)].sort((a, b) => a - b);
    return text.slice(0, i) + text.slice(i, j).repeat(Math.ceil(times / Math.max(1, j - i))) + text.slice(j);
  }),
  answer.map((other) => (text: string) => `${text}${other}`),
  fc.constantFrom('\\frac{1}{', '\\sqrt{', '(', '\\{', '-', '\\text{', '9^{').map((open) => (text: string) => {
    return `${open}${text}${open.endsWith('{') ? (open === '\\{' ? '\\}' : '}') : open === '(' ? ')' : ''}`;
  }),
);
const mutations = fc
  .array(mutation, { minLength: 1, maxLength: 6 })
  .map((steps) => (start: string) => steps.reduce((text, mutate) => mutate(text), start));
const mutated = fc.tuple(answer, mutations).map(([start, mutate]) => mutate(start));

test(`${RUNS} mutated answers: a verdict each`, async () => {
  const verifier = openVerifier({ name: 'math', secondsPerVerdict: 5, processes: 2 });
  const reasons = new Set<string>();
  // Half of the time the truth is what was mutated: some are still right.
  const cases = fc.sample(fc.tuple(mutations, answer, answer, fc.boolean()), { numRuns: RUNS, seed: SEED });
  for (let start = 0; start < cases.length; start += 1000) {
    const verdicts = cases
      .slice(start, start + 1000)
      .map(([mutate, start, other, same]) =>
        verifier.verify({ groundTruth: same ? start : other }, `</think>\\boxed{${mutate(start)}}`),
      );
    for (const { reason } of await Promise.all(verdicts)) reasons.add(reason);
  }
  await verifier.close();
  expect([...reasons].sort()).toEqual(['correct', 'no boxed answer', 'wrong answer']);
}, 3_600_000);

test(`${RUNS} pairs of mutated answers: the same both ways round, and each is itself`, () => {
  fc.assert(
    fc.property(mutated, fc.oneof(answer, mutated), (a, b) => {
      // A condition as a truth is more than its right side.
      if (!`${a}${b}`.includes('=')) expect(sameAnswer(a, b)).toBe(sameAnswer(b, a));
      expect(sameAnswer(a, a)).toBe(a.trim() !== '');
    }),
    { numRuns: RUNS, seed: SEED },
  );
}, 3_600_000);
