/**
 * Trains a byte-level BPE tokenizer, in the form of Qwen2's tokenizer.json. No package of npm trains one.
 * The most frequent pair is merged until the vocabulary is full; of equally frequent ones the first by its text.
 */

/** Qwen2's, with its ignored case written out: JavaScript has no flags within a pattern. */
const WORDS =
  "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

export interface BpeTokenizer {
  /** Contents of tokenizer.json. */
  readonly tokenizer: object;
  readonly vocabSize: number;
  readonly idOf: (token: string) => number;
}

interface Word {
  readonly count: number;
  pieces: string[];
}

/** @param added tokens that are never cut, special ones first; their ids come behind those of the vocabulary */
export function trainBpe(
  texts: readonly string[],
  merges: number,
  added: readonly { readonly content: string; readonly special: boolean }[],
): BpeTokenizer {
  const learned = learnMerges(wordsOf(texts), merges);
  const tokens = [...new Set([...BYTES, ...learned.map(([left, right]) => left + right)])];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const addedIds = new Map(added.map(({ content }, i) => [content, tokens.length + i]));
  return {
    vocabSize: tokens.length + added.length,
    idOf: (token) => {
      const id = addedIds.get(token) ?? vocab[token];
      if (id === undefined) throw new RangeError(`no token "${token}"`);
      return id;
    },
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added.map(({ content, special }) => ({
        id: addedIds.get(content),
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special,
      })),
      normalizer: { type: 'NFC' },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: WORDS }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      post_processor: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: '',
        end_of_word_suffix: '',
        fuse_unk: false,
        byte_fallback: false,
        vocab,
        merges: learned,
      },
    },
  };
}

/** The letter that stands for each byte: printable ones for themselves, the others from U+0100 on. */
const BYTES: readonly string[] = byteLetters();

function byteLetters(): string[] {
  let next = 0x100;
  const printable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

function wordsOf(texts: readonly string[]): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const [word] of text.normalize('NFC').matchAll(new RegExp(WORDS, 'gu')))
      counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => ({ count, pieces: Array.from(Buffer.from(word), (byte) => BYTES[byte]) }));
}

function learnMerges(words: readonly Word[], wanted: number): (readonly [string, string])[] {
  const counts = new Map<string, number>();
  const holders = new Map<string, Set<Word>>();
  const count = (word: Word, sign: 1 | -1): void => {
    for (let i = 1; i < word.pieces.length; i++) {
      const pair = `${word.pieces[i - 1]} ${word.pieces[i]}`;
      counts.set(pair, (counts.get(pair) ?? 0) + sign * word.count);
      if (sign === 1) holders.set(pair, (holders.get(pair) ?? new Set()).add(word));
    }
  };
  words.forEach((word) => count(word, 1));
  const merges: (readonly [string, string])[] = [];
  while (merges.length < wanted) {
    let best = '';
    let most = 1;
    for (const [pair, total] of counts)
      if (total > most || (total === most && pair < best)) [best, most] = [pair, total];
    if (best === '') break;
    const [left, right] = best.split(' ');
    merges.push([left, right]);
    for (const word of holders.get(best) ?? []) {
      count(word, -1);
      word.pieces = merged(word.pieces, left, right);
      count(word, 1);
    }
    counts.delete(best);
  }
  return merges;
}

function merged(pieces: readonly string[], left: string, right: string): string[] {
  const out: string[] = [];
  for (const piece of pieces) {
    if (piece === right && out.at(-1) === left) out[out.length - 1] = left + right;
    else out.push(piece);
  }
  return out;
}
