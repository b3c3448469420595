/** A part of `npm run chaos`, with the processes of dist/. */
import { expect, it } from 'vitest';
import { chaos } from '../../../tools/chaos/main.js';
import { countGenerated } from '../../../tools/chaos/generated.js';
import { planKills } from '../../../tools/chaos/kills.js';
import { VICTIMS } from '../../../tools/chaos/worker-fleet.js';

it('a run that is killed five times ends with the bits of one that is not', { timeout: 600_000 }, async () => {
  const { undisturbed, disturbed, problems } = await chaos({ kills: 5, seed: 3 }, () => undefined);
  expect(problems).toEqual([]);
  expect(disturbed.killed).toHaveLength(5);
  expect(disturbed.ledger).toBe(undisturbed.ledger);
  expect(disturbed.policy).toBe(undisturbed.policy);
});

it('plans the same kills for the same seed, and in time everybody is a victim', () => {
  expect(planKills(1, 20, 60)).toEqual(planKills(1, 20, 60));
  expect(planKills(2, 20, 60)).not.toEqual(planKills(1, 20, 60));
  expect(new Set(planKills(1, 500, 60).map(({ victim }) => victim)).size).toBe(VICTIMS.length);
});

it('counts what was generated twice, and who was', () => {
  const line = (...chunks: [string, number, number, boolean][]) => ({ policy: 'p', chunks });
  const trace = [
    line(['a', 0, 16, false], ['b', 0, 16, false], ['c', 0, 16, true]),
    line(['a', 16, 32, false], ['b', 16, 20, true]),
    line(['a', 16, 32, false]), // the chunk that was not saved
    line(['c', 0, 16, true]), // likewise
    line(['b', 0, 16, false], ['a', 32, 40, true]), // all of it
    line(['b', 16, 20, true]),
  ];
  expect(countGenerated(trace, 16)).toEqual({
    rollouts: 3,
    tokens: 76,
    repeated: 52,
    mostRepeated: 20,
    finishedTwice: 1,
  });
});
