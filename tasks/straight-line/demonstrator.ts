/**
 * Error-prone demonstrators, whom the base model imitates. Of the 300 facts `a op b` a fixed 40 % are hard. Each
 * demonstrator gets each hard fact wrong with probability 2/3, always by the same wrong digit of his own. So the base model
 * holds misconceptions, of which no two demonstrators share many: what a verifiable reward can correct.
 */
import { integerAt, openStream, Purpose, shuffled, uniformAt } from '../../algorithm/random.js';
import type { Arithmetic, Operator } from './program.js';
import { OPERATORS, trueArithmetic } from './program.js';

const FACTS = OPERATORS.length * 100;

export interface DemonstratorSettings {
  readonly seed: number;
  readonly demonstrators: number;
  readonly hardShare: number;
  /** Probability that a demonstrator gets a hard fact wrong. */
  readonly wrongShare: number;
}

/** What the shipped model was trained on. */
export const DEFAULT_DEMONSTRATORS: DemonstratorSettings = {
  seed: 0,
  demonstrators: 8,
  hardShare: 0.4,
  wrongShare: 2 / 3,
};

/** The arithmetic of each demonstrator: right on all easy facts. */
export function demonstrators(settings: DemonstratorSettings): Arithmetic[] {
  const { seed, hardShare, wrongShare } = settings;
  const order = shuffled([...Array(FACTS).keys()], openStream(seed, Purpose.demonstration, [0]));
  const hardFacts = order.slice(0, Math.round(hardShare * FACTS));
  return Array.from({ length: settings.demonstrators }, (_, demonstrator) => {
    const mistakes = openStream(seed, Purpose.demonstration, [1, demonstrator]);
    const offsets = openStream(seed, Purpose.demonstration, [2, demonstrator]);
    // How far off, 0 for what he gets right.
    const errors = new Uint8Array(FACTS);
    for (const fact of hardFacts) {
      if (uniformAt(mistakes, fact) < wrongShare) errors[fact] = 1 + integerAt(offsets, fact, 9);
    }
    return (left, operator, right) =>
      (trueArithmetic(left, operator, right) + errors[factOf(left, operator, right)]) % 10;
  });
}

function factOf(left: number, operator: Operator, right: number): number {
  return OPERATORS.indexOf(operator) * 100 + left * 10 + right;
}
