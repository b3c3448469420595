import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  ChatTemplate,
  chatTemplateOf,
  InvalidChatTemplate,
  NoChatTemplate,
  readChatTemplate,
  TemplatedPrompts,
} from '../../../policy/model/chat-template.js';
import { readTokenizer } from '../../../policy/model/tokenizer.js';

const question = [{ role: 'user', content: 'Find $1+1$.' }];

/** In the manner of DeepSeek-R1-Distill: begin of sentence, the last system turn, roles as tokens, thinking opened. */
const REASONER = `{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}
{%- set ns = namespace(system='', is_tool=false) %}
{%- for message in messages %}{% if message['role'] == 'system' %}{% set ns.system = message['content'] %}{% endif %}{% endfor %}
{{- bos_token }}{{ ns.system }}
{%- for message in messages %}
  {%- if message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}{% endif %}
  {%- if message['role'] == 'assistant' %}{% set content = message['content'] %}
    {%- if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}
    {{- '<｜Assistant｜>' + content + eos_token }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt and not ns.is_tool %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}`;

/** In the manner of Qwen2.5: a system turn of its own, roles between marks. */
const INSTRUCT = `{%- if messages[0]['role'] != 'system' %}
    {{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}`;

const tokens = {
  bos_token: { __type: 'AddedToken', content: '<｜begin▁of▁sentence｜>' },
  eos_token: '<｜end▁of▁sentence｜>',
};

describe('templates', () => {
  test('special tokens are given as texts or as added tokens; thinking is opened', () => {
    const template = chatTemplateOf({ ...tokens, chat_template: REASONER }, undefined, 'test');
    expect(template?.render(question)).toBe('<｜begin▁of▁sentence｜><｜User｜>Find $1+1$.<｜Assistant｜><think>\n');
    const chat = [
      { role: 'system', content: 'S' },
      ...question,
      { role: 'assistant', content: '<think>x</think>2' },
      { role: 'user', content: 'Sure?' },
    ];
    expect(template?.render(chat)).toBe(
      '<｜begin▁of▁sentence｜>S<｜User｜>Find $1+1$.<｜Assistant｜>2<｜end▁of▁sentence｜><｜User｜>Sure?<｜Assistant｜><think>\n',
    );
  });

  test("a system turn of the template's own", () => {
    expect(new ChatTemplate(INSTRUCT, {}, 'test').render(question)).toBe(
      '<|im_start|>system\nYou are helpful.<|im_end|>\n<|im_start|>user\nFind $1+1$.<|im_end|>\n<|im_start|>assistant\n',
    );
  });

  test('of several the default one; the file goes before', () => {
    const several = [
      { name: 'tool_use', template: 'T' },
      { name: 'default', template: 'D' },
    ];
    expect(chatTemplateOf({ chat_template: several }, undefined, 'test')?.render(question)).toBe('D');
    expect(chatTemplateOf({ chat_template: several }, 'F', 'test')?.render(question)).toBe('F');
    expect(chatTemplateOf({}, undefined, 'test')).toBeUndefined();
  });

  test('no clock: a template that would write the date takes what it falls back to', () => {
    const dated = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}26 Jul 2024{% endif %}";
    expect(new ChatTemplate(dated, {}, 'test').render(question)).toBe('26 Jul 2024');
  });

  test('range counts as in Python', () => {
    const text = '{% for i in range(3) %}{{ i }}{% endfor %} {% for i in range(5, 0, -2) %}{{ i }}{% endfor %}';
    expect(new ChatTemplate(text, {}, 'test').render(question)).toBe('012 531');
  });

  test('what is not understood, and what the template refuses, is said with its source', () => {
    expect(() => new ChatTemplate('{% if %}', {}, 'models/x')).toThrow(InvalidChatTemplate);
    const picky = new ChatTemplate("{{ raise_exception('roles must alternate') }}", {}, 'models/x');
    expect(() => picky.render(question)).toThrow('The chat template of models/x refuses a chat: roles must alternate');
  });
});

describe('prompts', async () => {
  const tokenizer = await readTokenizer(path.resolve('models/straight-line'));

  test('texts are as they are; chats go through the template', () => {
    const template = new ChatTemplate('<think>{{ messages[0].content }}', {}, 'test');
    const prompts = new TemplatedPrompts(tokenizer, template, 'test');
    expect(prompts.encode('e:4+1;e?')).toEqual(tokenizer.encode('e:4+1;e?'));
    expect(prompts.encode([{ role: 'user', content: 'e:4+1;e?' }])).toEqual(tokenizer.encode('<think>e:4+1;e?'));
  });

  test('a chat needs a template', () => {
    const prompts = new TemplatedPrompts(tokenizer, undefined, 'models/straight-line');
    expect(() => prompts.encode(question)).toThrow(NoChatTemplate);
  });

  test('of a directory: the file before the configuration', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'attnrl-template-'));
    try {
      expect(await readChatTemplate(folder)).toBeUndefined();
      await writeFile(
        path.join(folder, 'tokenizer_config.json'),
        JSON.stringify({ ...tokens, chat_template: 'C{{ eos_token }}' }),
      );
      expect((await readChatTemplate(folder))?.render(question)).toBe('C<｜end▁of▁sentence｜>');
      await writeFile(path.join(folder, 'chat_template.jinja'), 'F{{ eos_token }}');
      expect((await readChatTemplate(folder))?.render(question)).toBe('F<｜end▁of▁sentence｜>');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
