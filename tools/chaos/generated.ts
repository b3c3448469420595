import { readFile } from 'node:fs/promises';
import type { TraceLine } from '../../policy/processes/trace.js';

/** What the engines of a run generated. */
export interface Generated {
  /** Rollouts, evaluations among them. */
  readonly rollouts: number;
  /** Tokens of the rollouts, each counted once. */
  readonly tokens: number;
  /** Tokens that were generated again. */
  readonly repeated: number;
  /** Most tokens of one rollout that were generated again at once: a chunk, or less. */
  readonly mostRepeated: number;
  /** Rollouts that had come to their end and were generated again, by more than the chunk that was not saved yet. */
  readonly finishedTwice: number;
}

export async function readGenerated(traceFile: string, chunk: number): Promise<Generated> {
  const text = await readFile(traceFile, 'utf8');
  return countGenerated(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as TraceLine),
    chunk,
  );
}

export function countGenerated(trace: readonly TraceLine[], chunk: number): Generated {
  const known = new Map<string, { length: number; ended: boolean; last: number }>();
  let repeated = 0;
  let mostRepeated = 0;
  const finishedTwice = new Set<string>();
  for (const { policy, chunks } of trace) {
    for (const [name, from, to, ended] of chunks) {
      const rollout = `${policy} ${name}`;
      const before = known.get(rollout) ?? { length: 0, ended: false, last: 0 };
      repeated += Math.max(0, Math.min(to, before.length) - from);
      // Another attempt has begun: all that was there behind `from` is generated anew.
      const lost = from === before.last ? 0 : before.length - from;
      mostRepeated = Math.max(mostRepeated, lost);
      if (before.ended && lost > chunk) finishedTwice.add(rollout);
      known.set(rollout, { length: Math.max(to, before.length), ended: before.ended || ended, last: to });
    }
  }
  const tokens = [...known.values()].reduce((sum, { length }) => sum + length, 0);
  return { rollouts: known.size, tokens, repeated, mostRepeated, finishedTwice: finishedTwice.size };
}
