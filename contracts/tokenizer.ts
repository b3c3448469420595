/** Text to token ids and back, as tasks see it; `policy/tokenizer.ts` implements it. */
export interface TextTokenizer {
  /** Ids that end a response, at least one. */
  readonly eosIds: readonly number[];
  /** Ids of the text alone: nothing is put before or after it. */
  encode(text: string): Int32Array;
  /** Text of the ids without ends of sequence. */
  decode(ids: Iterable<number>): string;
}
