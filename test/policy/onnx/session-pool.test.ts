/** Sessions against a model of them, through any order in which they are asked for, opened, fail, and are closed. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Session } from '../../../policy/onnx/runtime.js';
import { SessionPool } from '../../../policy/onnx/session-pool.js';

class Opening {
  closed = 0;
  settled: 'open' | 'failed' | undefined;
  #settle!: { readonly resolve: () => void; readonly reject: (error: Error) => void };
  readonly opened: Promise<{ readonly session: Session }>;

  constructor() {
    const session = { close: () => Promise.resolve(void (this.closed += 1)) } as unknown as Session;
    this.opened = new Promise<void>((resolve, reject) => (this.#settle = { resolve, reject })).then(() => ({
      session,
    }));
  }

  settle(how: 'open' | 'failed'): void {
    this.settled ??= how;
    if (how === 'open') this.#settle.resolve();
    else this.#settle.reject(new Error('not opened'));
  }
}

const operation = fc.record({
  kind: fc.constantFrom('ask', 'open', 'fail', 'close'),
  key: fc.constantFrom('a', 'b', 'c'),
});

/** Lets everything happen that was begun. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('there is one session for each key, and all are closed once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
      const pool = new SessionPool<{ readonly session: Session }>();
      const all: Opening[] = [];
      const current = new Map<string, Opening>();
      const closing: Promise<void>[] = [];
      for (const { kind, key } of operations) {
        const known = current.get(key);
        if (kind === 'ask') {
          const asked = pool.of(key, () => {
            expect(known).toBeUndefined();
            const opening = new Opening();
            all.push(opening);
            current.set(key, opening);
            return opening.opened;
          });
          asked.catch(() => undefined);
          expect(asked).toBe(current.get(key)!.opened);
        } else if (kind === 'close') {
          current.clear();
          closing.push(pool.close());
        } else {
          known?.settle(kind === 'open' ? 'open' : 'failed');
          if (known?.settled === 'failed') current.delete(key);
        }
        await settle();
      }
      closing.push(pool.close());
      // Some are closed before they are open, and some then fail.
      all.forEach((opening, i) => opening.settle(i % 2 === 0 ? 'open' : 'failed'));
      await Promise.all(closing);
      for (const { settled, closed } of all) expect(closed).toBe(settled === 'open' ? 1 : 0);
    }),
  );
});

it('one that fails late takes nothing with it that was opened in its place', async () => {
  const pool = new SessionPool<{ readonly session: Session }>();
  const [late, next] = [new Opening(), new Opening()];
  const failing = pool.of('a', () => late.opened);
  const closing = pool.close();
  void pool.of('a', () => next.opened);
  late.settle('failed');
  next.settle('open');
  await expect(failing).rejects.toThrow('not opened');
  await closing;
  expect(pool.of('a', () => new Opening().opened)).toBe(next.opened);
  await pool.close();
  expect(next.closed).toBe(1);
});
