/** Where the members of a group wait for one another; may be used over and over. */
export class Barrier {
  #waiting: { readonly go: () => void; readonly leave: (failure: Error) => void }[] = [];
  #failure: Error | undefined;

  constructor(private readonly size: number) {}

  /** Resolves when as many have arrived as there are members. */
  arrive(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((go, leave) => {
      this.#waiting.push({ go, leave });
      if (this.#waiting.length < this.size) return;
      const all = this.#waiting;
      this.#waiting = [];
      for (const member of all) member.go();
    });
  }

  /** A member will not come: nobody waits any more. */
  fail(failure: Error): void {
    this.#failure ??= failure;
    for (const { leave } of this.#waiting) leave(failure);
    this.#waiting = [];
  }
}
