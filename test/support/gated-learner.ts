import type { StandingLearner } from '../../contracts/engine/engine.js';
import { NullLearner } from '../../tools/bench/null-engine.js';

/** Learners that stop before an update until they are let on: a run is then known to be in that iteration. */
export class Gates {
  /** Learning rate of each iteration so far. */
  readonly rates: number[] = [];
  readonly #gates = new Map<number, { reached: () => void; opened: Promise<void> }>();

  /** For `nullRun`: one learner per iteration. */
  readonly learner = (): StandingLearner => {
    const iteration = this.rates.length;
    const learner = new NullLearner();
    const update: StandingLearner['update'] = async (batch, _, { learningRate }) => {
      this.rates[iteration] = learningRate;
      const gate = this.#gates.get(iteration);
      gate?.reached();
      await gate?.opened;
      return learner.update(batch);
    };
    return new Proxy<StandingLearner>(learner, {
      get: (_, name) => (name === 'update' ? update : bound(learner, name)),
    });
  };

  /** Closes the gate of an iteration; `at` resolves when the run stands before it. Call it before the run starts. */
  close(iteration: number): { at: Promise<void>; open: () => void } {
    let reached!: () => void;
    let open!: () => void;
    const at = new Promise<void>((resolve) => (reached = resolve));
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#gates.set(iteration, { reached, opened });
    return { at, open };
  }
}

function bound(learner: NullLearner, name: string | symbol): unknown {
  const member: unknown = Reflect.get(learner, name);
  return typeof member === 'function' ? (member.bind(learner) as unknown) : member;
}
