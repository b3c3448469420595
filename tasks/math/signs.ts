/** Both signs of `\pm`. */
import { apply, mapParts, some, type Expression } from './expression.js';

function isPlusMinus(part: Expression): part is Extract<Expression, { kind: 'apply' }> {
  return part.kind === 'apply' && (part.operator === 'plusMinus' || part.operator === 'minusPlus');
}

/** `2 \pm \sqrt{3}` is a list of two. */
export function withBothSigns(one: Expression): Expression {
  if (one.kind === 'sequence' || one.kind === 'relation' || !some(one, isPlusMinus)) return one;
  const choose = (upper: boolean): Expression => {
    const sign = (part: Expression): Expression => {
      const chosen = mapParts(part, sign);
      if (!isPlusMinus(chosen)) return chosen;
      return (chosen.operator === 'plusMinus') === upper ? chosen.operands[0] : apply('negate', chosen.operands[0]);
    };
    return sign(one);
  };
  return { kind: 'sequence', brackets: '', items: [choose(true), choose(false)] };
}
