/** Word problems of one and two steps, of the level of small language models. */
import { writeFile } from 'node:fs/promises';
import { integerAt, openStream, Purpose, type RandomStream } from '../../algorithm/random.js';

export interface WordProblem {
  readonly prompt: string;
  readonly groundTruth: string;
}

const NAMES = ['Ava', 'Ben', 'Cara', 'Dan', 'Ella', 'Finn', 'Gina', 'Hugo', 'Iris', 'Jack', 'Kim', 'Leo'];
const THINGS = ['apples', 'books', 'coins', 'cards', 'pencils', 'stickers', 'marbles', 'eggs'];

/** Draws without a new problem after which there are taken to be no more. */
const MOST_REPEATS = 10_000;

interface Choice {
  /** 0 to 4: add, subtract, add and subtract, multiply, multiply and add; left out: all. */
  readonly kinds?: readonly number[];
}

/**
 * `count` different problems, the same for the same seed.
 * @throws RangeError where the kinds have fewer
 */
export function wordProblems(count: number, seed: number, { kinds = [0, 1, 2, 3, 4] }: Choice = {}): WordProblem[] {
  const problems = new Map<string, WordProblem>();
  let repeats = 0;
  for (let i = 0; problems.size < count; i++) {
    const problem = drawn(openStream(seed, Purpose.task, [i]), kinds);
    repeats = problems.has(problem.prompt) ? repeats + 1 : 0;
    if (repeats > MOST_REPEATS)
      throw new RangeError(`there are no ${count} word problems of the kinds ${kinds.join()}`);
    problems.set(problem.prompt, problem);
  }
  return [...problems.values()];
}

/** As JSON lines: what the task `files` reads. */
export async function writeProblems(file: string, problems: readonly WordProblem[]): Promise<void> {
  await writeFile(file, problems.map((problem) => `${JSON.stringify(problem)}\n`).join(''));
}

function drawn(stream: RandomStream, kinds: readonly number[]): WordProblem {
  let next = 0;
  const below = (bound: number): number => integerAt(stream, next++, bound);
  const kind = kinds[below(kinds.length)];
  const first = below(NAMES.length);
  const n = NAMES[first];
  const m = NAMES[(first + 1 + below(NAMES.length - 1)) % NAMES.length];
  const t = THINGS[below(THINGS.length)];
  const [a, b, c] = [3 + below(18), 2 + below(11), 2 + below(8)];
  const texts: readonly (readonly [prompt: string, answer: number])[] = [
    [`${n} has ${a} ${t} and buys ${b} more. How many ${t} does ${n} have now?`, a + b],
    [`${n} has ${a + b} ${t} and gives ${b} to ${m}. How many ${t} does ${n} have left?`, a],
    [
      `${n} has ${a + c} ${t}. ${m} gives ${n} ${b} more, and then ${n} loses ${c}. How many ${t} does ${n} have now?`,
      a + b,
    ],
    [`There are ${c} boxes with ${b} ${t} in each box. How many ${t} are there in all?`, b * c],
    [`${n} buys ${c} bags with ${b} ${t} each and finds ${a} more. How many ${t} does ${n} have?`, b * c + a],
  ];
  const [prompt, answer] = texts[kind];
  return { prompt, groundTruth: String(answer) };
}
