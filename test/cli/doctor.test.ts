import { expect, it } from 'vitest';
import { queueFinding } from '../../cli/doctor-queues.js';

it('a worker that has not asked for its queue for a while is not counted, and the last time is told', () => {
  const found = (...agesMs: number[]) => queueFinding('attnrl-learner', agesMs);
  expect(found(4_000)).toEqual({ check: 'queue attnrl-learner', state: 'ok', found: '1 worker polls, last 4 s ago' });
  expect(found(61_000, 2_000, 150_000)).toMatchObject({ state: 'ok', found: '2 workers poll, last 2 s ago' });
  expect(found(-300)).toMatchObject({ state: 'ok', found: '1 worker polls, last 0 s ago' });
  expect(found(150_000, 200_000)).toMatchObject({ state: 'warn', found: 'no worker polls, the last one 150 s ago' });
  expect(found()).toMatchObject({ state: 'warn', found: 'no worker polls' });
});
