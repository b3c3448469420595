/**
 * Siblings that share a prefix attend to one copy of it: their queries stand below each other in one product per group,
 * [groups, kvHeads, siblings * Q, .], so the prefix's keys and values are read once for all of them. Same bits as row by row.
 */
import type { Graph, Value } from '../onnx/graph.js';
import { concat, transpose } from '../onnx/operators.js';

export interface Siblings {
  /** [rows, kvHeads, Q, D] -> [groups, kvHeads, siblings * Q, D] */
  readonly fold: (body: Graph, x: Value, width: Value) => Value;
  /** The way back. */
  readonly unfold: (body: Graph, x: Value, width: Value) => Value;
}

/**
 * @param groups int64 [1], how many distinct prefixes; rows of a group follow one another
 * @param queryRows Q
 */
export function siblings(g: Graph, groups: Value, kvHeads: number, queryRows: number): Siblings {
  const shapes = new Map<Value, Record<'apart' | 'folded' | 'headsFirst' | 'rows', Value>>();
  const shapesFor = (width: Value): Record<'apart' | 'folded' | 'headsFirst' | 'rows', Value> => {
    const known = shapes.get(width);
    if (known) return known;
    const shape = (...parts: readonly (Value | number)[]): Value =>
      concat(
        g,
        parts.map((part) => (typeof part === 'number' ? g.int64s([part]) : part)),
        0,
        parts.length,
      );
    const made = {
      apart: shape(groups, -1, kvHeads, queryRows, width),
      folded: shape(groups, kvHeads, -1, width),
      headsFirst: shape(groups, kvHeads, -1, queryRows, width),
      rows: shape(-1, kvHeads, queryRows, width),
    };
    shapes.set(width, made);
    return made;
  };
  const reshape = (body: Graph, x: Value, shape: Value, dims: readonly (number | string)[]): Value =>
    body.node('Reshape', [x, shape], [{ type: x.type, shape: [...dims, x.shape.at(-1)!] }])[0]!;
  return {
    fold(body, x, width) {
      const { apart, folded } = shapesFor(width);
      const bySibling = reshape(body, x, apart, ['groups', 'siblings', kvHeads, queryRows]);
      return reshape(body, transpose(body, bySibling, [0, 2, 1, 3, 4]), folded, ['groups', kvHeads, 'siblings*Q']);
    },
    unfold(body, x, width) {
      const { headsFirst, rows } = shapesFor(width);
      const byHead = reshape(body, x, headsFirst, ['groups', kvHeads, 'siblings', queryRows]);
      return reshape(body, transpose(body, byHead, [0, 2, 1, 3, 4]), rows, ['rows', kvHeads, queryRows]);
    },
  };
}
