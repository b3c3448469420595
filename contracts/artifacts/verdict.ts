/** What a verifier says of a response. */
export interface Verdict {
  readonly reward: 0 | 1;
  /** For people: `correct`, `wrong answer`, `timeout`. */
  readonly reason: string;
}
