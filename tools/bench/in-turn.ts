import { performance } from 'node:perf_hooks';

/** Rounds that count, and those before: JavaScript and what it calls are compiled and find their memory in the first few. */
const ROUNDS = 5;
const WARM_UPS = 3;

/**
 * Medians of what the contenders return (seconds), each run once a round, one after the other, so that whatever else happens on the
 * machine hits all alike. The first rounds warm up and do not count.
 * @param contenders called with the number of the round, from 0 on
 */
export async function inTurn<Name extends string>(
  title: string,
  contenders: Readonly<Record<Name, (round: number) => Promise<number>>>,
  { rounds = ROUNDS, warmUps = WARM_UPS } = {},
): Promise<Record<Name, number>> {
  const names = Object.keys(contenders) as Name[];
  const values = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < warmUps + rounds; round++) {
    const counts = round >= warmUps;
    const which = counts ? `round ${round - warmUps + 1} of ${rounds}` : `warm-up ${round + 1} of ${warmUps}`;
    for (const name of names) {
      const value = await contenders[name](round);
      if (counts) values.get(name)?.push(value);
      console.error(`${title} · ${which} · ${name} ${value.toFixed(3)} s`);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(values.get(name) ?? [])])) as Record<Name, number>;
}

/** The smallest of the peer's variants, with its name. */
export function best(values: Readonly<Record<string, number>>): { name: string; value: number } {
  const [first, ...more] = Object.entries(values).sort(([, a], [, b]) => a - b);
  if (!first || more.some(([, value]) => Number.isNaN(value))) throw new RangeError('nothing was measured');
  return { name: first[0], value: first[1] };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** One after the other in a turn, as in a run: what has just been idle is slower. */
export const STEPS_PER_TURN = 3;

/** Of one of a turn's optimiser steps, on average. @param step called with its number, from 0 on */
export async function secondsPerStep(step: (i: number) => Promise<unknown>): Promise<number> {
  const steps = async (): Promise<void> => {
    for (let i = 0; i < STEPS_PER_TURN; i++) await step(i);
  };
  return (await secondsOf(steps)) / STEPS_PER_TURN;
}
