/**
 * How much of a tree to pack into one row. A shared prefix is computed once per row, but attention runs over the whole row,
 * also between branches that do not see each other: short responses to a short prompt cost less in several rows. The loss
 * is the same either way, as every trained token is in exactly one row with its weight.
 */
import type { TrainingSequence } from '../../contracts/engine.js';
import type { ModelConfig } from '../qwen2/config.js';
import { qkvSize } from '../qwen2/config.js';

type Sequence = Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'> & Partial<TrainingSequence>;

/** Splits a row where it first branches, and its parts again, as long as that makes less work. */
export function splitRows<T extends Sequence>(config: ModelConfig, sequence: T): T[] {
  const parts = splitAtFirstBranch(sequence);
  const cost = (rows: readonly Sequence[]): number =>
    rows.reduce((sum, { tokens }) => sum + rowCost(config, tokens.length), 0);
  const split = parts.length > 1 ? parts.flatMap((part) => splitRows(config, part)) : parts;
  return cost(split) < cost([sequence]) ? split : [sequence];
}

/** Multiplications per layer for a row of n tokens. */
function rowCost({ hiddenSize, intermediateSize, heads, headSize, ...rest }: ModelConfig, n: number): number {
  const qkv = qkvSize({ hiddenSize, intermediateSize, heads, headSize, ...rest });
  const linear = hiddenSize * (qkv + heads * headSize + 3 * intermediateSize);
  const attention = heads * headSize * n; // scores and values, half of the square each
  return n * (linear + attention);
}

/** One row per child of the first token with several; what comes before is trained on in the first of them only. */
function splitAtFirstBranch<T extends Sequence>(sequence: T): T[] {
  const { predecessors } = sequence;
  const children = new Int32Array(predecessors.length);
  for (const before of predecessors) if (before >= 0) children[before] += 1;
  const fork = children.findIndex((count) => count > 1);
  if (fork < 0) return [sequence];
  const path = [fork];
  for (let t = predecessors[fork]; t >= 0; t = predecessors[t]!) path.unshift(t);
  /** Per token behind the fork, which of its children it descends from. */
  const subtree = new Int32Array(predecessors.length).fill(-1);
  let count = 0;
  for (let t = fork + 1; t < predecessors.length; t++) {
    const before = predecessors[t];
    subtree[t] = before === fork ? count++ : subtree[before];
  }
  return Array.from({ length: count }, (_, i) => {
    const members = [...path];
    subtree.forEach((of, t) => of === i && members.push(t));
    return take(sequence, members, i === 0 ? 0 : path.length);
  });
}

/** @param untrained how many of the first members are not trained on in this row */
function take<T extends Sequence>(sequence: T, members: readonly number[], untrained: number): T {
  const place = new Map(members.map((t, i) => [t, i]));
  const pick = (values: Float32Array | undefined): Float32Array | undefined =>
    values && Float32Array.from(members, (t) => values[t]);
  return {
    ...sequence,
    tokens: Int32Array.from(members, (t) => sequence.tokens[t]),
    predecessors: Int32Array.from(members, (t) => place.get(sequence.predecessors[t]) ?? -1),
    weights: Float32Array.from(members, (t, i) => (i < untrained ? 0 : sequence.weights[t])),
    ...(sequence.advantages && { advantages: pick(sequence.advantages) }),
    ...(sequence.oldLogProbs && { oldLogProbs: pick(sequence.oldLogProbs) }),
    ...(sequence.refLogProbs && { refLogProbs: pick(sequence.refLogProbs) }),
  };
}
