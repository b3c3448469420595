/** Steps that a comparison may take, so that no answer, however it is nested, costs more than a fraction of a second. */
export class Budget {
  #left = 100_000;

  /** @returns false when there is nothing left */
  spend(steps: number): boolean {
    this.#left -= steps;
    return this.#left >= 0;
  }
}
