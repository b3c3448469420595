/**
 * The tokenizer of a Hugging Face checkpoint, checked against the model it belongs to.
 * The one file that imports `@huggingface/tokenizers`.
 */
import { AttemptError } from '../../contracts/errors/retry-policy.js';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as huggingFace from '@huggingface/tokenizers';
import { THINK_END } from '../../algorithm/steps.js';
import type { TextTokenizer } from '../../contracts/engine/tokenizer.js';
import { CHAT_TEMPLATE_FILE, chatTemplateOf, endOfAnswer, specialTokens } from './chat-template.js';

/** What is used of the library: its own declarations import without file extensions, which Node's resolution refuses. */
interface HuggingFaceTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  id_to_token(id: number): string | undefined;
  get_vocab(): Map<string, number>;
  get_added_tokens_decoder(): Map<number, unknown>;
}
const { Tokenizer } = huggingFace as unknown as {
  Tokenizer: new (tokenizer: unknown, tokenizerConfig: unknown) => HuggingFaceTokenizer;
};

/** Parsed contents of the checkpoint's JSON files. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer: unknown;
  /** tokenizer_config.json; may be missing. */
  readonly tokenizerConfig?: unknown;
  /** config.json: `vocab_size`, and the fallback for `eos_token_id`. */
  readonly config: unknown;
  /** generation_config.json: `eos_token_id`, a number or a list; may be missing. */
  readonly generationConfig?: unknown;
  /** Text of chat_template.jinja; may be missing. */
  readonly chatTemplate?: string | undefined;
}

/**
 * The tokenizer and the model do not fit together, or the tokenizer cannot be read. It could be because:
 * - a file is missing or is not JSON
 * - tokenizer.json needs a component that `@huggingface/tokenizers` does not have
 * - tokenizer.json has ids outside the model's `vocab_size` (files of two checkpoints mixed)
 * - no end-of-sequence id is given, so no response would ever end
 */
export class TokenizerMismatch extends AttemptError {
  override readonly name = 'TokenizerMismatch';
  override readonly retry = 'never';

  constructor(
    /** Checkpoint directory or policy the files came from. */
    readonly source: string,
    /** Every problem found, each naming its file. */
    readonly problems: readonly string[],
  ) {
    super(`The tokenizer of ${source} does not fit its model:\n${problems.map((p) => `- ${p}`).join('\n')}`);
  }
}

/** Text to token ids and back. Ids are those of the model's embedding rows. */
export class PolicyTokenizer implements TextTokenizer {
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly #cleanUpSpaces: boolean;
  readonly #addedIds: ReadonlySet<number>;
  readonly #texts = new Map<number, string>();

  /** Rows of the model's embedding; every id is below it. */
  readonly vocabSize: number;
  /**
   * Ids that end a response, ascending, at least one: those of generation_config.json or else config.json, the tokenizer's own,
   * and what the chat template writes behind an answer.
   */
  readonly eosIds: readonly number[];
  /** Id of `</think>`; undefined where that is no token of its own, and has to be looked for in the text. */
  readonly thinkEndId: number | undefined;

  /**
   * @param source named in errors
   * @throws TokenizerMismatch listing every problem
   */
  constructor(files: TokenizerFiles, source: string) {
    const problems: string[] = [];
    const config = asObject(files.config, 'config.json', problems);
    const generationConfig = asObject(files.generationConfig ?? {}, 'generation_config.json', problems);
    const tokenizerConfig = asObject(files.tokenizerConfig ?? {}, 'tokenizer_config.json', problems);

    this.vocabSize = readVocabSize(config, problems);
    const before = problems.length;
    const given = readEosIds(config, generationConfig, this.vocabSize, problems);
    const refused = problems.length > before;
    const tokenizer = parseTokenizer(files.tokenizer, tokenizerConfig, problems);
    if (tokenizer === undefined) throw new TokenizerMismatch(source, problems);
    const added = tokenizer.get_added_tokens_decoder();
    const ids = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
    const ends = [...given, ...endsOfItsOwn(files, ids, (id) => added.has(id), source)];
    this.eosIds = [...new Set(ends)].sort((a, b) => a - b);
    if (this.eosIds.length === 0 && !refused) problems.push(NO_END);

    let largestId = 0;
    for (const id of tokenizer.get_vocab().values()) largestId = Math.max(largestId, id);
    if (largestId >= this.vocabSize) {
      problems.push(`tokenizer.json: id ${largestId} is not below config.json's vocab_size ${this.vocabSize}`);
    }
    for (const id of given) {
      if (tokenizer.id_to_token(id) === undefined) problems.push(`tokenizer.json: no token has the eos id ${id}`);
    }
    if (problems.length > 0) throw new TokenizerMismatch(source, problems);

    this.#tokenizer = tokenizer;
    // Absent means false today and meant true in the past; no model that reasons step by step wants its text changed.
    this.#cleanUpSpaces = tokenizerConfig['clean_up_tokenization_spaces'] === true;
    this.#addedIds = new Set(added.keys());
    const thinkEnd = this.encode(THINK_END);
    this.thinkEndId = thinkEnd.length === 1 ? thinkEnd[0] : undefined;
  }

  /** Ids of the text alone: nothing is put before or after it. */
  encode(text: string): Int32Array {
    return Int32Array.from(this.#tokenizer.encode(text, { add_special_tokens: false }).ids);
  }

  /** Text of a response without the end of sequence; ids that no token has give nothing. */
  decode(ids: Iterable<number>): string {
    const all = [...ids];
    return this.text(this.eosIds.includes(all.at(-1) ?? -1) ? all.slice(0, -1) : all);
  }

  /** Text of all of the ids. */
  text(ids: Iterable<number>): string {
    return this.#decode([...ids].filter((id) => this.#tokenizer.id_to_token(id) !== undefined));
  }

  /** Text of one token decoded alone, special tokens included. A piece of a longer UTF-8 sequence gives U+FFFD. */
  tokenText(id: number): string {
    let text = this.#texts.get(id);
    if (text === undefined) {
      text = this.#tokenizer.id_to_token(id) === undefined ? '' : this.#decode([id]);
      this.#texts.set(id, text);
    }
    return text;
  }

  /** Text of one token for cutting a response into steps: added tokens never separate, so theirs is empty. */
  stepText(id: number): string {
    return this.#addedIds.has(id) ? '' : this.tokenText(id);
  }

  /** Text of a token that was added to the vocabulary; undefined for others. */
  addedText(id: number): string | undefined {
    return this.#addedIds.has(id) ? this.tokenText(id) : undefined;
  }

  #decode(ids: number[]): string {
    // The library refuses an empty list.
    if (ids.length === 0) return '';
    return this.#tokenizer.decode(ids, {
      skip_special_tokens: false,
      clean_up_tokenization_spaces: this.#cleanUpSpaces,
    });
  }
}

/**
 * Reads the tokenizer of a checkpoint directory.
 * @throws TokenizerMismatch listing every problem, unreadable files included
 */
export async function readTokenizer(directory: string): Promise<PolicyTokenizer> {
  const problems: string[] = [];
  const readText = async (file: string, required: boolean): Promise<string | undefined> => {
    try {
      return await readFile(path.join(directory, file), 'utf8');
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (required || !missing) problems.push(`${file}: ${missing ? 'no such file' : (error as Error).message}`);
      return undefined;
    }
  };
  const read = async (file: string, required: boolean): Promise<unknown> => {
    const text = await readText(file, required);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      problems.push(`${file}: not JSON: ${(error as Error).message}`);
      return undefined;
    }
  };
  const files: TokenizerFiles = {
    tokenizer: await read('tokenizer.json', true),
    tokenizerConfig: await read('tokenizer_config.json', false),
    config: await read('config.json', true),
    generationConfig: await read('generation_config.json', false),
    chatTemplate: await readText(CHAT_TEMPLATE_FILE, false),
  };
  if (problems.length > 0) throw new TokenizerMismatch(directory, problems);
  return new PolicyTokenizer(files, directory);
}

function asObject(value: unknown, file: string, problems: string[]): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  problems.push(`${file}: not a JSON object`);
  return {};
}

function readVocabSize(config: Record<string, unknown>, problems: string[]): number {
  const size = config['vocab_size'];
  if (typeof size === 'number' && Number.isInteger(size) && size > 0) return size;
  problems.push(`config.json: vocab_size must be a positive integer, is ${JSON.stringify(size)}`);
  return Infinity;
}

function readEosIds(
  config: Record<string, unknown>,
  generationConfig: Record<string, unknown>,
  vocabSize: number,
  problems: string[],
): number[] {
  const file = generationConfig['eos_token_id'] == null ? 'config.json' : 'generation_config.json';
  const value = generationConfig['eos_token_id'] ?? config['eos_token_id'];
  const ids: unknown[] = Array.isArray(value) ? value : value == null ? [] : [value];
  const valid: number[] = [];
  for (const id of ids) {
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < vocabSize) valid.push(id);
    else problems.push(`${file}: eos_token_id ${JSON.stringify(id)} is not an id below vocab_size ${vocabSize}`);
  }
  return [...new Set(valid)].sort((a, b) => a - b);
}

const NO_END =
  'nothing ends a response: no eos_token_id in generation_config.json or config.json, no eos_token in tokenizer_config.json, ' +
  'and no chat template that ends an answer with an added token';

/** The tokenizer's end of sequence, and the token by which the chat template ends an answer. */
function endsOfItsOwn(
  { tokenizerConfig, chatTemplate }: TokenizerFiles,
  encode: (text: string) => number[],
  isAdded: (id: number) => boolean,
  source: string,
): number[] {
  const { eos_token: end = '' } = specialTokens(tokenizerConfig);
  const template = chatTemplateOf(tokenizerConfig, chatTemplate, source);
  const behind = template ? encode(endOfAnswer(template)).find(isAdded) : undefined;
  const own = end === '' ? [] : encode(end);
  return [...(own.length === 1 ? own : []), ...(behind === undefined ? [] : [behind])];
}

function parseTokenizer(
  tokenizer: unknown,
  tokenizerConfig: Record<string, unknown>,
  problems: string[],
): HuggingFaceTokenizer | undefined {
  try {
    // The library checks the form itself.
    return new Tokenizer(tokenizer, tokenizerConfig);
  } catch (error) {
    problems.push(`tokenizer.json: ${(error as Error).message}`);
    return undefined;
  }
}
