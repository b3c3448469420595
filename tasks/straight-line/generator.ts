/** Random programs, each addressed by (seed, index): the same program wherever and whenever it is asked for. */
import { createHash } from 'node:crypto';
import { integerAt, openStream, Purpose, shuffled } from '../../algorithm/random.js';
import type { Operand, Program } from './program.js';
import { canonicalForm, OPERATORS, VARIABLE_NAMES } from './program.js';

/** The distribution programs are drawn from. Shares are probabilities in [0, 1]. */
export interface ProgramSettings {
  /** Fewest and most lines, 1 … 16, each number equally likely. */
  readonly lines: readonly [number, number];
  /** An operand is an earlier variable (the first line has none), else a digit. */
  readonly referenceShare: number;
  /** A reference goes to one of the first two variables. */
  readonly firstShare: number;
  /** A reference goes to the variable just before; what the shares leave over goes to any earlier one. */
  readonly previousShare: number;
}

export const DEFAULT_PROGRAMS: ProgramSettings = {
  lines: [4, 9],
  referenceShare: 0.7,
  firstShare: 0.2,
  previousShare: 0.2,
};

/** Which side of the train/held-out border a program is on: a property of the program, so the two can never meet. */
export type Split = 'train' | 'held-out';

/** One program in eight is held out. Programs that differ only in names are on the same side. */
export function splitOf(program: Program): Split {
  return createHash('sha256').update(canonicalForm(program)).digest()[0] % 8 === 0 ? 'held-out' : 'train';
}

/** @param seed, index integers in [0, 2^32) */
export function programAt(settings: ProgramSettings, split: Split, seed: number, index: number): Program {
  for (let attempt = 0; ; attempt++) {
    const program = drawProgram(settings, seed, index, attempt);
    if (splitOf(program) === split) return program;
  }
}

function drawProgram(settings: ProgramSettings, seed: number, index: number, attempt: number): Program {
  const [fewest, most] = settings.lines;
  if (!(fewest >= 1 && most >= fewest && most <= VARIABLE_NAMES.length)) {
    throw new RangeError(`lines must be within 1 … ${VARIABLE_NAMES.length}, fewest first, got ${fewest}, ${most}`);
  }
  const stream = openStream(seed, Purpose.task, [index, attempt, 0]);
  let drawn = 0;
  const below = (bound: number): number => integerAt(stream, drawn++, bound);
  const happens = (share: number): boolean => below(2 ** 32) < share * 2 ** 32;

  const names = shuffled(VARIABLE_NAMES, openStream(seed, Purpose.task, [index, attempt, 1]));
  const operand = (line: number): Operand => {
    if (line === 0 || !happens(settings.referenceShare)) return { digit: below(10) };
    const kind = below(2 ** 32) / 2 ** 32;
    if (kind < settings.firstShare) return { line: below(Math.min(2, line)) };
    if (kind < settings.firstShare + settings.previousShare) return { line: line - 1 };
    return { line: below(line) };
  };
  return Array.from({ length: fewest + below(most - fewest + 1) }, (_, line) => ({
    name: names[line],
    left: operand(line),
    operator: OPERATORS[below(OPERATORS.length)],
    right: operand(line),
  }));
}
