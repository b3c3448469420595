import { integerAt, openStream, Purpose, uniformAt } from '../../algorithm/random.js';
import { VICTIMS, WORKERS } from './worker-fleet.js';

export interface Kill {
  /** Seconds after the start of the run. */
  readonly at: number;
  readonly victim: string;
  /** SIGTERM: a preemption that is announced. */
  readonly signal: 'SIGKILL' | 'SIGTERM';
}

/** One in four of the workers is told before. */
const ANNOUNCED = 4;

/** Who is killed when: `count` moments within `seconds`, in order; all of it follows from the seed. */
export function planKills(seed: number, count: number, seconds: number): Kill[] {
  const stream = (what: number) => openStream(seed, Purpose.chaos, [what]);
  const [moments, victims, signals] = [stream(0), stream(1), stream(2)];
  const at = Array.from({ length: count }, (_, i) => seconds * uniformAt(moments, i)).sort((a, b) => a - b);
  return at.map((moment, i) => {
    const victim = VICTIMS[integerAt(victims, i, VICTIMS.length)];
    const announced = WORKERS.some(({ name }) => name === victim) && integerAt(signals, i, ANNOUNCED) === 0;
    return { at: moment, victim, signal: announced ? 'SIGTERM' : 'SIGKILL' };
  });
}
