/**
 * The chat template of a Hugging Face checkpoint, and prompts as its model gets them. The one file that imports
 * `@huggingface/jinja`. As in transformers' `apply_chat_template(…, add_generation_prompt=True)`, the template writes the special
 * tokens, so nothing is put around its text.
 *
 * A template has no clock: those that would write today's date write the one they fall back to.
 */
import { AttemptError } from '../../contracts/errors/retry-policy.js';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as jinja from '@huggingface/jinja';
import type { Message, Prompt, PromptEncoder } from '../../contracts/artifacts/prompt.js';
import type { TextTokenizer } from '../../contracts/engine/tokenizer.js';

/** What is used of the library: its own declarations import without file extensions, which Node's resolution refuses. */
interface Environment {
  set(name: string, value: unknown): void;
}
const { Environment, Interpreter, Template } = jinja as unknown as {
  Environment: new () => Environment;
  Interpreter: new (environment: Environment) => { run(program: unknown): { value: unknown } };
  Template: new (text: string) => { parsed: unknown };
};

/** Where newer checkpoints have it; it goes before the one in tokenizer_config.json. */
export const CHAT_TEMPLATE_FILE = 'chat_template.jinja';

/** The chat template cannot be read, or refuses the chat. */
export class InvalidChatTemplate extends AttemptError {
  override readonly name = 'InvalidChatTemplate';
  override readonly retry = 'never';
  constructor(
    /** Checkpoint directory or policy it came from. */
    readonly source: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`The chat template of ${source} ${problem}`, options);
  }
}

/** Problems are chats, and the checkpoint does not say how its model is told one. */
export class NoChatTemplate extends AttemptError {
  override readonly name = 'NoChatTemplate';
  override readonly retry = 'never';
  constructor(readonly source: string) {
    super(
      `${source} has no chat template (${CHAT_TEMPLATE_FILE}, or chat_template in tokenizer_config.json), and the problems are ` +
        'chats: take an instruction-tuned checkpoint, add its template, or give prompts as texts.',
    );
  }
}

export class ChatTemplate {
  readonly #parsed: unknown;

  /**
   * @param text Jinja
   * @param specialTokens `bos_token` and the like, by name
   * @throws InvalidChatTemplate
   */
  constructor(
    readonly text: string,
    private readonly specialTokens: Readonly<Record<string, string>>,
    private readonly source: string,
  ) {
    try {
      this.#parsed = new Template(text).parsed;
    } catch (error) {
      throw new InvalidChatTemplate(source, `is not understood: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * The chat as text, up to where the model's answer begins.
   * @param answered the chat ends with the model's answer
   * @throws InvalidChatTemplate where the template refuses the chat
   */
  render(messages: readonly Message[], { answered = false }: { readonly answered?: boolean } = {}): string {
    const environment = new Environment();
    const globals = { ...GLOBALS, ...this.specialTokens, messages, add_generation_prompt: !answered };
    for (const [name, value] of Object.entries(globals)) environment.set(name, value);
    try {
      return String(new Interpreter(environment).run(this.#parsed).value);
    } catch (error) {
      throw new InvalidChatTemplate(this.source, `refuses a chat: ${(error as Error).message}`, { cause: error });
    }
  }
}

const QUESTION: Message = { role: 'user', content: 'How much is two and two?' };
const ANSWER: Message = { role: 'assistant', content: 'Four.' };

/** What a template writes behind the model's answer; '' where it takes no answers. */
export function endOfAnswer(template: ChatTemplate): string {
  const text = renderedOr(template, [QUESTION, ANSWER], { answered: true });
  const at = text.lastIndexOf(ANSWER.content);
  return at < 0 ? '' : text.slice(at + ANSWER.content.length);
}

/** '' where the template refuses the chat. */
function renderedOr(template: ChatTemplate, ...chat: Parameters<ChatTemplate['render']>): string {
  try {
    return template.render(...chat);
  } catch (error) {
    if (error instanceof InvalidChatTemplate) return '';
    throw error;
  }
}

/** What is used of a policy's tokenizer. */
interface Tokens extends Pick<TextTokenizer, 'encode'> {
  readonly thinkEndId?: number | undefined;
  /** Text of a token that was added to the vocabulary. */
  addedText(id: number): string | undefined;
}

/** Prompts as a policy's model gets them. */
export class TemplatedPrompts implements PromptEncoder {
  /** Its tokenizer or its template knows `</think>`. */
  readonly thinks: boolean;
  /** It has a chat template. */
  readonly chats: boolean;
  #marks: readonly string[] | undefined;

  constructor(
    private readonly tokenizer: Tokens,
    private readonly template: ChatTemplate | undefined,
    private readonly source: string,
  ) {
    this.thinks = tokenizer.thinkEndId !== undefined || (template?.text.includes('think>') ?? false);
    this.chats = template !== undefined;
  }

  /** The first of the tokens by which the template marks turns, such as `<|im_start|>`, that was written by hand. */
  markIn(prompt: Prompt): string | undefined {
    this.#marks ??= this.template ? this.#addedIn(renderedOr(this.template, [QUESTION])) : [];
    const marks = this.#marks.filter((mark) => !mark.includes('think'));
    const texts = typeof prompt === 'string' ? [prompt] : prompt.map(({ content }) => content);
    return texts.flatMap((text) => this.#addedIn(text)).find((mark) => marks.includes(mark));
  }

  #addedIn(text: string): string[] {
    return [...this.tokenizer.encode(text)].flatMap((id) => this.tokenizer.addedText(id) ?? []);
  }

  /** @throws NoChatTemplate, InvalidChatTemplate */
  encode(prompt: Prompt): Int32Array {
    if (typeof prompt === 'string') return this.tokenizer.encode(prompt);
    if (!this.template) throw new NoChatTemplate(this.source);
    return this.tokenizer.encode(this.template.render(prompt));
  }
}

/**
 * @param tokenizerConfig contents of tokenizer_config.json; may be missing
 * @param file text of chat_template.jinja; may be missing
 * @throws InvalidChatTemplate
 */
export function chatTemplateOf(
  tokenizerConfig: unknown,
  file: string | undefined,
  source: string,
): ChatTemplate | undefined {
  const config = (tokenizerConfig ?? {}) as Record<string, unknown>;
  const text = file ?? defaultTemplate(config['chat_template']);
  return text === undefined ? undefined : new ChatTemplate(text, specialTokens(config), source);
}

/**
 * Of a checkpoint directory whose tokenizer has been read.
 * @throws InvalidChatTemplate
 */
export async function readChatTemplate(directory: string): Promise<ChatTemplate | undefined> {
  const [file, config] = await Promise.all([
    readIfThere(join(directory, CHAT_TEMPLATE_FILE)),
    readIfThere(join(directory, 'tokenizer_config.json')),
  ]);
  return chatTemplateOf(config === undefined ? undefined : JSON.parse(config), file, directory);
}

/** What the library gives templates (it does not export it), without `strftime_now`. */
const GLOBALS = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range: (first: number, end?: number, step = 1): number[] => {
    const [from, to] = end === undefined ? [0, first] : [first, end];
    return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
  },
  raise_exception: (message: unknown): never => {
    throw new Error(String(message));
  },
};

/** One text, or several by name of which one is the default. */
function defaultTemplate(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const named = value as readonly { readonly name?: unknown; readonly template?: unknown }[];
  const found = named.find(({ name }) => name === 'default')?.template;
  return typeof found === 'string' ? found : undefined;
}

/**
 * By name, such as `eos_token`; in the file as a text, or as an added token that holds one.
 * @param tokenizerConfig contents of tokenizer_config.json; may be missing
 */
export function specialTokens(tokenizerConfig: unknown): Record<string, string> {
  const entries = Object.entries((tokenizerConfig ?? {}) as Record<string, unknown>).filter(([name]) =>
    name.endsWith('_token'),
  );
  return Object.fromEntries(
    entries.flatMap(([name, value]) => {
      const text = typeof value === 'object' && value !== null && 'content' in value ? value.content : value;
      return typeof text === 'string' ? [[name, text]] : [];
    }),
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
