import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { stepsOf } from '../../../iteration/step-ranges.js';
import { PolicyTokenizer, readTokenizer } from '../../../policy/model/tokenizer.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/tokenizers', import.meta.url));

async function readJson<Content>(family: string, file: string): Promise<Content> {
  return JSON.parse(await readFile(join(FIXTURES, family, file), 'utf8')) as Content;
}

interface Expected {
  readonly cases: readonly { readonly text: string; readonly ids: readonly number[]; readonly decoded: string }[];
  readonly tokenTexts: readonly string[];
}

describe.each(['distill', 'qwen2.5', 'llama3'])('%s', async (family) => {
  const tokenizer = await readTokenizer(join(FIXTURES, family));
  const { cases, tokenTexts } = await readJson<Expected>(family, 'expected.json');

  it('encodes and decodes as Hugging Face does', () => {
    for (const { text, ids, decoded } of cases) {
      expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.text(ids)).toBe(decoded);
    }
  });

  it('gives the text of each token, pieces of characters included', () => {
    expect(tokenTexts.map((_, id) => tokenizer.tokenText(id))).toEqual(tokenTexts);
    expect(tokenTexts).toContain('\uFFFD');
    // Rows of the embedding that no token uses.
    expect(tokenizer.tokenText(tokenTexts.length)).toBe('');
    expect(tokenizer.decode([tokenTexts.length, ...tokenizer.encode('x')])).toBe('x');
  });

  it('cuts steps behind tokens that contain a blank line', () => {
    const text = 'Therefore (by symmetry)\n\nx = 2.\n\nSo $x$\nis right.\n\n数学。\n\nThe end';
    const ids = tokenizer.encode(text);
    const { stepRanges, cutBy } = stepsOf(0, ids, tokenizer);
    expect(cutBy).toBe('blank-line');
    const steps = stepRanges.slice(1).map(([start, end]) => tokenizer.decode(ids.slice(start, end)));
    expect(steps).toEqual([
      'Therefore (by symmetry)\n\n',
      'x = 2.\n\n',
      'So $x$\nis right.\n\n',
      '数学。\n\n',
      'The end',
    ]);
    // Else this text would say little about real vocabularies.
    const lone = tokenizer.encode('\n\n')[0];
    expect([...ids].filter((id) => id !== lone && tokenizer.stepText(id).includes('\n\n')).length).toBeGreaterThan(2);
  });

  it('finds the end of the reasoning, by its id or by its text', () => {
    const ids = tokenizer.encode('1 > 0</think>\n\nIs 2 > 1?</think>\n\nYes: 3 > 2.\n\nDone');
    const { stepRanges, thinkEndToken, thinkEndStep } = stepsOf(0, ids, tokenizer);
    expect(tokenizer.thinkEndId === undefined).toBe(family !== 'distill');
    expect(tokenizer.text(ids.slice(0, thinkEndToken + 1)).trimEnd()).toMatch(/1\?<\/think>$/);
    const [start, end] = stepRanges[thinkEndStep];
    expect(start <= thinkEndToken && thinkEndToken < end).toBe(true);
  });
});

it('a tokenizer as large as real ones is read, and does what a small one does', async () => {
  const files = await largeTokenizer(151_643, 151_936);
  const tokenizer = new PolicyTokenizer(files, 'a large tokenizer');
  expect(tokenizer.vocabSize).toBe(151_936);
  const text = 'In the beginning, there was a tokenizer.\n\nIt had many words.\n\n'.repeat(500);
  const ids = tokenizer.encode(text);
  expect(tokenizer.decode(ids)).toBe(text);
  expect(tokenizer.decode([151_642])).toMatch(/^[a-z ]+$/);
  expect(tokenizer.encode('</think>')).toEqual(Int32Array.of(tokenizer.thinkEndId!));
});

/** The small one with merges added, letter by letter, until there are so many tokens. */
async function largeTokenizer(
  size: number,
  vocabSize: number,
): Promise<ConstructorParameters<typeof PolicyTokenizer>[0]> {
  interface TokenizerJson {
    model: { vocab: Record<string, number>; merges: [string, string][] };
    added_tokens: { id: number }[];
  }
  const json = await readJson<TokenizerJson>('distill', 'tokenizer.json');
  const ids = new Map(Object.entries(json.model.vocab));
  const words = [...ids.keys()].filter((token) => /^Ġ?[a-z]*$/.test(token));
  for (const word of words) {
    for (const letter of 'etaoinshrdlucmfwypvbgkjqxz') {
      const longer = word + letter;
      if (ids.size === size || ids.has(longer)) continue;
      ids.set(longer, ids.size);
      json.model.merges.push([word, letter]);
      words.push(longer); // the loop goes on over it
    }
    if (ids.size === size) break;
  }
  json.model.vocab = Object.fromEntries(ids);
  json.added_tokens.forEach((token, i) => (token.id = size + i));
  return { tokenizer: json, config: { vocab_size: vocabSize, eos_token_id: size } };
}
