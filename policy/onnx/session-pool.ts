/** Sessions of the same owner: each opened when it is first needed, all closed together. */
import type { Session } from './runtime.js';

/** @typeParam Opened a session with what belongs to it */
export class SessionPool<Opened extends { readonly session: Session }> {
  readonly #opened = new Map<string, Promise<Opened>>();

  /** @param open is called where the key has no session yet, or only one that could not be opened */
  of(key: string, open: () => Promise<Opened>): Promise<Opened> {
    const known = this.#opened.get(key);
    if (known) return known;
    const opening = open();
    this.#opened.set(key, opening);
    opening.catch(() => {
      if (this.#opened.get(key) === opening) this.#opened.delete(key);
    });
    return opening;
  }

  /** Those that are being opened as well, as soon as they are. Others may be opened afterwards. */
  async close(): Promise<void> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    for (const one of await Promise.allSettled(opened)) {
      if (one.status === 'fulfilled') await one.value.session.close();
    }
  }
}
