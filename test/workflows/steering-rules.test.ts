import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_UNRECORDED,
  UNSTEERED,
  type SteeringEvent,
  type SteeringUpdate,
} from '../../contracts/protocol/steering.js';
import { firstIterationOf, refusalOf, steered, type Moment } from '../../workflows/steering-rules.js';

const moment: Moment = { steerable: true, iteration: 2, iterations: 5, stage: 'learning', steering: UNSTEERED };
const held = { ...UNSTEERED, pausedSince: '2026-01-01T00:00:00.000Z' };

function event(update: SteeringUpdate, value: number | null, id = 'u'): SteeringEvent {
  return { update, value, fromIteration: 0, identity: '', time: '2026-01-01T00:00:00.000Z', updateId: id };
}

it.each<[string, SteeringUpdate, unknown, Partial<Moment>]>([
  ['anything before the first iteration', 'pause', undefined, { steerable: false }],
  ['a pause of a held run', 'pause', undefined, { steering: held }],
  ['a pause with nothing left to hold', 'pause', undefined, { iteration: 4 }],
  ['to resume a run that goes on', 'resume', undefined, {}],
  ['an end in the past', 'stopAfter', 2, {}],
  ['an end while that iteration is being committed', 'stopAfter', 3, { stage: 'committing' }],
  ['an end that is there already', 'stopAfter', 5, {}],
  ['an end that is no number', 'stopAfter', '4', {}],
  ['an end within an iteration', 'stopAfter', 3.5, {}],
  ['to extend to less', 'extendTo', 5, {}],
  ['to extend without a number', 'extendTo', undefined, {}],
  ['a learning rate of zero', 'setLearningRate', 0, {}],
  ['a learning rate that is none', 'setLearningRate', NaN, {}],
  ['a learning rate for nothing', 'setLearningRate', 1e-5, { iteration: 4 }],
])('refuses %s', (_, update, value, change) => {
  expect(refusalOf(update, value, { ...moment, ...change })).not.toBeNull();
});

it.each<[SteeringUpdate, unknown, Partial<Moment>]>([
  ['pause', undefined, {}],
  ['resume', undefined, { steering: held }],
  ['resume', undefined, { steering: held, iteration: 4 }],
  ['stopAfter', 3, {}],
  ['stopAfter', 4, { stage: 'committing' }],
  ['extendTo', 6, { iteration: 4, stage: 'committing' }],
  ['setLearningRate', 1e-5, {}],
  ['setLearningRate', 1e-5, { iteration: 4, stage: 'sampling' }],
])('takes %s %s', (update, value, change) => {
  expect(refusalOf(update, value, { ...moment, ...change })).toBeNull();
});

it('a held run can be resumed however many changes wait for a record', () => {
  const unrecorded = Array.from({ length: MAX_UNRECORDED }, (_, i) => event('extendTo', 9, `u${i}`));
  expect(refusalOf('extendTo', 10, { ...moment, steering: { ...held, unrecorded } })).toContain('wait');
  expect(refusalOf('resume', undefined, { ...moment, steering: { ...held, unrecorded } })).toBeNull();
});

describe('what is taken', () => {
  const updates = fc.constantFrom<SteeringUpdate>('pause', 'resume', 'stopAfter', 'extendTo', 'setLearningRate');
  const moments = fc
    .record({
      iteration: fc.nat(6),
      iterations: fc.integer({ min: 1, max: 7 }),
      stage: fc.constantFrom<Moment['stage']>('waiting', 'sampling', 'learning', 'committing'),
      steering: fc.constantFrom(UNSTEERED, held),
    })
    .filter(({ iteration, iterations }) => iteration < iterations)
    .map((drawn): Moment => ({ steerable: true, ...drawn }));

  it('always finds a record that will hold it, and an iteration that goes by it', () => {
    fc.assert(
      fc.property(updates, fc.nat(9), moments, (update, number, at) => {
        const value = update === 'setLearningRate' ? 0.1 : number;
        fc.pre(refusalOf(update, value, at) === null);
        const iterations = update === 'stopAfter' || update === 'extendTo' ? number : at.iterations;
        const nextRecord = at.stage === 'committing' ? at.iteration + 1 : at.iteration;
        expect(nextRecord).toBeLessThan(iterations);
        if (update !== 'resume') expect(firstIterationOf(update, at)).toBeLessThan(iterations);
        expect(steered(at.steering, event(update, value)).unrecorded).toHaveLength(1);
      }),
    );
  });
});
