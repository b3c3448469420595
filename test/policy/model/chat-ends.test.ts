/** Ends of responses and of the reasoning, found in what checkpoints of the families say, each in its own way. */
import { expect, describe, it } from 'vitest';
import { stepsOf } from '../../../iteration/step-ranges.js';
import { chatTemplateOf, TemplatedPrompts } from '../../../policy/model/chat-template.js';
import { PolicyTokenizer, TokenizerMismatch, type TokenizerFiles } from '../../../policy/model/tokenizer.js';
import { rewardOf } from '../../../tasks/reward.js';

interface Added {
  readonly content: string;
  readonly special: boolean;
}
const special = (...contents: string[]): Added[] => contents.map((content) => ({ content, special: true }));
const ordinary = (...contents: string[]): Added[] => contents.map((content) => ({ content, special: false }));

/** GPT-2's byte alphabet and a blank line, with tokens added from id 257 on. */
function byteLevel(added: readonly Added[]): { tokenizer: object; idOf: (content: string) => number } {
  const printable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  const letters: string[] = [];
  for (let byte = 0, extra = 0; byte < 256; byte++)
    letters.push(String.fromCodePoint(printable(byte) ? byte : 256 + extra++));
  const newline = letters[10];
  const tokens = [...letters, newline + newline];
  const tokenizer = {
    added_tokens: added.map((token, i) => ({ id: tokens.length + i, normalized: false, ...token })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [[newline, newline]],
    },
  };
  return { tokenizer, idOf: (content) => tokens.length + added.findIndex((token) => token.content === content) };
}

const CHATML = `{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are helpful.<|im_end|>
' }}{% endif %}{{ '<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>
' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}`;

/** As Qwen3: reasoning of earlier turns is left out, that of the last one is always there. */
const QWEN3 = `{%- for message in messages %}
{%- set content = message.content %}
{%- if message.role == "assistant" %}
  {%- if '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\\n') %}{% endif %}
  {{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' + content + '<|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>\\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}`;

const DISTILL = `{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}{% endif %}
{%- if message['role'] == 'assistant' %}{% set content = message['content'] %}{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{ '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}{% endif %}
{%- endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}`;

const LLAMA3 = `{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`;

interface Checkpoint {
  readonly added: readonly Added[];
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  readonly template: string;
  /** Of config.json and of generation_config.json, by their texts. */
  readonly eos: string;
  readonly generationEos?: readonly string[];
}

const FAMILIES: Readonly<Record<string, Checkpoint & { readonly ends: readonly string[]; readonly thinks: boolean }>> =
  {
    SmolLM2: {
      added: special('<|endoftext|>', '<|im_start|>', '<|im_end|>'),
      tokenizerConfig: { bos_token: '<|im_start|>', eos_token: '<|im_end|>' },
      template: CHATML,
      eos: '<|im_end|>',
      ends: ['<|im_end|>'],
      thinks: false,
    },
    'Qwen2.5, its configuration that of the base model': {
      added: [...special('<|endoftext|>', '<|im_start|>', '<|im_end|>'), ...ordinary('<tool_call>')],
      tokenizerConfig: { eos_token: '<|endoftext|>' },
      template: CHATML,
      eos: '<|endoftext|>',
      ends: ['<|endoftext|>', '<|im_end|>'],
      thinks: false,
    },
    'Qwen2.5, with a list in generation_config.json': {
      added: special('<|endoftext|>', '<|im_start|>', '<|im_end|>'),
      tokenizerConfig: { eos_token: '<|im_end|>' },
      template: CHATML,
      eos: '<|im_end|>',
      generationEos: ['<|im_end|>', '<|endoftext|>'],
      ends: ['<|endoftext|>', '<|im_end|>'],
      thinks: false,
    },
    Qwen3: {
      added: [...special('<|endoftext|>', '<|im_start|>', '<|im_end|>'), ...ordinary('<think>', '</think>')],
      tokenizerConfig: { eos_token: '<|im_end|>' },
      template: QWEN3,
      eos: '<|im_end|>',
      ends: ['<|im_end|>'],
      thinks: true,
    },
    'a distillate of DeepSeek-R1': {
      added: [
        ...special('<｜end▁of▁sentence｜>', '<｜begin▁of▁sentence｜>'),
        ...ordinary('<｜User｜>', '<｜Assistant｜>', '<think>', '</think>'),
      ],
      tokenizerConfig: {
        bos_token: { content: '<｜begin▁of▁sentence｜>' },
        eos_token: { content: '<｜end▁of▁sentence｜>' },
      },
      template: DISTILL,
      eos: '<｜end▁of▁sentence｜>',
      ends: ['<｜end▁of▁sentence｜>'],
      thinks: true,
    },
    'a distillate whose thinking is marked by special tokens': {
      added: special('<|endoftext|>', '<|im_start|>', '<|im_end|>', '<think>', '</think>'),
      tokenizerConfig: { eos_token: '<|im_end|>' },
      template: CHATML,
      eos: '<|endoftext|>',
      ends: ['<|endoftext|>', '<|im_end|>'],
      thinks: true,
    },
    'a model that was taught to think in plain letters': {
      added: special('<|endoftext|>', '<|im_start|>', '<|im_end|>'),
      tokenizerConfig: { eos_token: '<|im_end|>' },
      template: CHATML.replace("assistant\n'", "assistant\n<think>\n'"),
      eos: '<|im_end|>',
      ends: ['<|im_end|>'],
      thinks: true,
    },
    'Llama 3': {
      added: special('<|begin_of_text|>', '<|end_of_text|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'),
      tokenizerConfig: { bos_token: '<|begin_of_text|>', eos_token: '<|end_of_text|>' },
      template: LLAMA3,
      eos: '<|end_of_text|>',
      ends: ['<|end_of_text|>', '<|eot_id|>'],
      thinks: false,
    },
  };

function opened({ added, tokenizerConfig, template, eos, generationEos }: Checkpoint) {
  const { tokenizer: json, idOf } = byteLevel(added);
  const files: TokenizerFiles = {
    tokenizer: json,
    tokenizerConfig,
    chatTemplate: template,
    config: { vocab_size: 300, eos_token_id: idOf(eos) },
    ...(generationEos ? { generationConfig: { eos_token_id: generationEos.map(idOf) } } : {}),
  };
  const tokenizer = new PolicyTokenizer(files, 'test');
  const prompts = new TemplatedPrompts(tokenizer, chatTemplateOf(tokenizerConfig, template, 'test'), 'test');
  return { tokenizer, prompts, idOf };
}

describe.each(Object.entries(FAMILIES))('%s', (_, family) => {
  const { tokenizer, prompts, idOf } = opened(family);

  it('ends where its configuration or its template says', () => {
    expect(tokenizer.eosIds).toEqual(family.ends.map(idOf).sort((a, b) => a - b));
    for (const end of family.ends) expect(tokenizer.decode(tokenizer.encode(`So it is 4.${end}`))).toBe('So it is 4.');
  });

  it('is known to think, or not to', () => {
    expect(prompts.thinks).toBe(family.thinks);
    expect(prompts.chats).toBe(true);
  });

  it('is judged by what follows its thinking, of which nothing is lost', () => {
    const text = '<think>It may be \\boxed{5}.\n\nNo.</think>\n\nThe answer is \\boxed{7}.';
    const ids = tokenizer.encode(text + family.ends[0]);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(rewardOf(tokenizer.decode(ids), '7').reward).toBe(1);
    expect(rewardOf(tokenizer.decode(ids), '5').reward).toBe(0);
    const { stepRanges, thinkEndToken, thinkEndStep } = stepsOf(0, ids, tokenizer);
    expect(tokenizer.text(ids.slice(0, thinkEndToken + 1))).toMatch(/No\.<\/think>$/);
    const [start, end] = stepRanges[thinkEndStep];
    expect(start <= thinkEndToken && thinkEndToken < end).toBe(true);
  });

  it('all of a response counts where nothing ends its thinking', () => {
    const ids = tokenizer.encode('Two and two.\n\nThe answer is \\boxed{4}.');
    expect(stepsOf(0, ids, tokenizer)).toMatchObject({ thinkEndToken: -1, thinkEndStep: -1 });
    expect(rewardOf(tokenizer.decode(ids), '4').reward).toBe(1);
  });

  it('tells a chat that was written out from a text', () => {
    expect(prompts.markIn('How much is 2 + 2 < 5?')).toBeUndefined();
    const text = tokenizer.text(prompts.encode([{ role: 'user', content: 'How much?' }]));
    expect(prompts.markIn(text)).toBe(family.added.map(({ content }) => content).find((mark) => text.startsWith(mark)));
  });
});

it('a template that takes no answers ends none, and something must end a response', () => {
  const { tokenizer, idOf } = byteLevel(special('<|im_start|>', '<|im_end|>'));
  const only = "{% if messages | length > 1 %}{{ raise_exception('one turn') }}{% endif %}{{ messages[0].content }}";
  const files = { tokenizer, chatTemplate: only, config: { vocab_size: 300 } };
  const ended = new PolicyTokenizer({ ...files, tokenizerConfig: { eos_token: '<|im_end|>' } }, 'test');
  expect(ended.eosIds).toEqual([idOf('<|im_end|>')]);
  expect(() => new PolicyTokenizer(files, 'test')).toThrow(TokenizerMismatch);
  expect(new PolicyTokenizer({ ...files, chatTemplate: CHATML }, 'test').eosIds).toEqual([idOf('<|im_end|>')]);
});
