/** Text to token ids and back, as tasks see it; `policy/model/tokenizer.ts` implements it. */
export interface TextTokenizer {
  /** Ids that end a response, at least one. */
  readonly eosIds: readonly number[];
  /** Ids of the text alone: nothing is put before or after it. */
  encode(text: string): Int32Array;
  /** Text of a response without the end of sequence; other special tokens are part of it. */
  decode(ids: Iterable<number>): string;
}
