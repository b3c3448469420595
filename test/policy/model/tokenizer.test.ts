import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PolicyTokenizer, readTokenizer, TokenizerMismatch } from '../../../policy/model/tokenizer.js';

const shipped = path.resolve('models/straight-line');
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'attnrl-tokenizer-'));
});
afterAll(() => rm(scratch, { recursive: true }));

const json = async (file: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path.join(shipped, file), 'utf8')) as Record<string, unknown>;

async function problemsOf(files: Record<string, string | null>): Promise<readonly string[]> {
  const directory = await mkdtemp(path.join(scratch, 'case-'));
  await cp(shipped, directory, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    if (content === null) await rm(path.join(directory, file));
    else await writeFile(path.join(directory, file), content);
  }
  const error = await readTokenizer(directory).then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error === undefined) return [];
  expect(error).toBeInstanceOf(TokenizerMismatch);
  return (error as TokenizerMismatch).problems;
}

test('the shipped tokenizer has one token for each sign of the task', async () => {
  const tokenizer = await readTokenizer(shipped);
  for (const text of ['\n\n', '<think>', '</think>', '\\boxed{', '}', ':', ';', '?', '>', '+', '-', '*', '7', 'e']) {
    expect(tokenizer.encode(text), text).toHaveLength(1);
  }
  expect(tokenizer.vocabSize).toBe(64);
  expect(tokenizer.eosIds).toEqual([...tokenizer.encode('<|endoftext|>')]);
  expect(tokenizer.thinkEndId).toBe(tokenizer.encode('</think>')[0]);
});

test('decoding gives back what was encoded, without the end of sequence', async () => {
  const tokenizer = await readTokenizer(shipped);
  const text = 'e:4+1;s:e-e;s?<think>e:4+1>e5\n\ns:e5-e5>s0\n\n</think>\\boxed{0}';
  const ids = tokenizer.encode(text + '<|endoftext|>');
  expect(tokenizer.decode(ids)).toBe(text);
  expect([...ids].map((id) => tokenizer.tokenText(id)).join('')).toBe(text + '<|endoftext|>');
});

test('ids that no token has decode to nothing', async () => {
  const tokenizer = await readTokenizer(shipped);
  expect(tokenizer.decode([63])).toBe('');
  expect(tokenizer.tokenText(63)).toBe('');
  expect(tokenizer.decode([])).toBe('');
});

test('added tokens never separate steps', async () => {
  const tokenizer = await readTokenizer(shipped);
  expect(tokenizer.stepText(tokenizer.encode('\n\n')[0])).toBe('\n\n');
  expect(tokenizer.stepText(tokenizer.thinkEndId!)).toBe('');
});

test('byte-level pieces are decoded alone and together', () => {
  const tokenizer = byteLevelTokenizer();
  const [separator] = tokenizer.encode('.\n\n');
  expect(tokenizer.tokenText(separator)).toBe('.\n\n');
  expect(tokenizer.encode('.\n\n')).toHaveLength(1);
  const euro = [...tokenizer.encode('€')];
  expect(euro).toHaveLength(3);
  expect(tokenizer.tokenText(euro[0])).toBe('\uFFFD');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }),
  );
});

test('eos ids of generation_config.json come before those of config.json', async () => {
  const tokenizer = new PolicyTokenizer(
    {
      tokenizer: await json('tokenizer.json'),
      config: { vocab_size: 64, eos_token_id: 1 },
      generationConfig: { eos_token_id: [2, 0, 2] },
    },
    'test',
  );
  expect(tokenizer.eosIds).toEqual([0, 2]);
});

test('optional files may be missing, required ones are all named', async () => {
  expect(await problemsOf({ 'tokenizer_config.json': null, 'generation_config.json': null })).toEqual([]);
  const problems = await problemsOf({ 'tokenizer.json': null, 'config.json': '{"vocab_size": 64,' });
  expect(problems).toHaveLength(2);
  expect(problems[0]).toBe('tokenizer.json: no such file');
  expect(problems[1]).toMatch(/^config.json: not JSON/);
});

test('a tokenizer larger than the model, and no eos, are one refusal', async () => {
  const problems = await problemsOf({
    'config.json': '{"vocab_size": 40}',
    'generation_config.json': '{}',
    'tokenizer_config.json': '{}',
  });
  expect(problems).toEqual([
    expect.stringMatching(/^nothing ends a response: no eos_token_id/),
    "tokenizer.json: id 40 is not below config.json's vocab_size 40",
  ]);
});

test('eos ids outside the vocabulary are refused', async () => {
  expect(await problemsOf({ 'generation_config.json': '{"eos_token_id": [1, 64, -1, "x"]}' })).toHaveLength(3);
  expect(await problemsOf({ 'generation_config.json': '{"eos_token_id": 63}' })).toEqual([
    'tokenizer.json: no token has the eos id 63',
  ]);
});

test.each([['{}'], ['[]'], ['null'], ['{"model": {"type": "Unheard"}, "added_tokens": []}'], ['{"model": 3}']])(
  'a tokenizer.json that is none is refused: %s',
  async (content) => {
    expect(await problemsOf({ 'tokenizer.json': content })).not.toEqual([]);
  },
);

/** GPT-2's byte alphabet without merges but one token for ".\n\n". */
function byteLevelTokenizer(): PolicyTokenizer {
  const printable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
  const letters: string[] = [];
  for (let byte = 0, extra = 0; byte < 256; byte++) {
    letters.push(String.fromCodePoint(printable(byte) ? byte : 256 + extra++));
  }
  const newline = letters[10];
  const tokens = [...letters, `${newline}${newline}`, `.${newline}${newline}`, '<eos>'];
  return new PolicyTokenizer(
    {
      tokenizer: {
        added_tokens: [{ id: 258, content: '<eos>', special: true }],
        normalizer: null,
        pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
        post_processor: null,
        decoder: { type: 'ByteLevel' },
        model: {
          type: 'BPE',
          vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
          merges: [
            [newline, newline],
            ['.', `${newline}${newline}`],
          ],
        },
      },
      tokenizerConfig: {},
      config: { vocab_size: 259, eos_token_id: 258 },
    },
    'byte-level test tokenizer',
  );
}
