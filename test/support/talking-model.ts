/**
 * A random model that answers in the form of a reasoner: its layers are random, and its head is such that after each token of a
 * little grammar those come that may follow. So its answers have steps, an end, a box with a digit, and are right by chance.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openStream, Purpose, wordAt } from '../../algorithm/random.js';
import { initialWeights } from '../../policy/model/checkpoint/initialise.js';
import { parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import { PolicyTokenizer } from '../../policy/model/tokenizer.js';
import { writeSafetensors } from '../../store/safetensors/file.js';
import { trainBpe } from './byte-level-bpe.js';

const EOS = '<｜end▁of▁sentence｜>';
const ADDED = [
  { content: EOS, special: true },
  { content: '<｜begin▁of▁sentence｜>', special: true },
  { content: '<｜User｜>', special: false },
  { content: '<｜Assistant｜>', special: false },
  { content: '<think>', special: false },
  { content: '</think>', special: false },
];
/** In the manner of DeepSeek-R1-Distill. */
const CHAT_TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}" +
  "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}";

const SHAPE = {
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
  hidden_act: 'silu',
  hidden_size: 192,
  intermediate_size: 512,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: false,
  use_sliding_window: false,
  torch_dtype: 'float32',
};

/** Nats by which what may follow goes before everything else. */
const CERTAINTY = 12;
/** Ends the thinking after so many steps on average. */
const STEPS = 9;

/** @param texts the tokenizer is trained on */
export async function writeTalkingModel(folder: string, texts: readonly string[], merges: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  const bpe = trainBpe(texts, merges, ADDED);
  const eosId = bpe.idOf(EOS);
  const config = { ...SHAPE, vocab_size: bpe.vocabSize, bos_token_id: bpe.idOf(ADDED[1].content), eos_token_id: eosId };
  const tokenizerConfig = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: ADDED[1].content,
    eos_token: EOS,
    clean_up_tokenization_spaces: false,
    chat_template: CHAT_TEMPLATE,
  };
  const generationConfig = { eos_token_id: eosId };
  const files = {
    'config.json': config,
    'generation_config.json': generationConfig,
    'tokenizer.json': bpe.tokenizer,
    'tokenizer_config.json': tokenizerConfig,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content));
  const tokenizer = new PolicyTokenizer(
    { config, generationConfig, tokenizer: bpe.tokenizer, tokenizerConfig },
    folder,
  );
  const parsed = parseModelConfig(config);
  if ('problems' in parsed) throw new Error(`the shape is refused: ${JSON.stringify(parsed.problems)}`);
  const { hiddenSize } = parsed.config;
  const weights = initialWeights(parsed.config, 1);
  const { 'model.embed_tokens.weight': embedding, 'lm_head.weight': head } = weights;
  // Signs instead of small numbers: what a token was stands out from what the layers add.
  const signs = openStream(2, Purpose.initialWeights);
  embedding.data.forEach((_, i) => (embedding.data[i] = wordAt(signs, i) % 2 === 0 ? 1 : -1));
  for (const [current, next, share] of grammar(bpe.vocabSize, (text) => [...tokenizer.encode(text)], eosId)) {
    const gain = (CERTAINTY + Math.log(share)) / hiddenSize;
    for (let i = 0; i < hiddenSize; i++)
      head.data[next * hiddenSize + i] += gain * embedding.data[current * hiddenSize + i];
  }
  await writeSafetensors(join(folder, 'model.safetensors'), weights, { format: 'pt' });
  return folder;
}

/** Which token follows which, and how often. */
function grammar(
  vocabSize: number,
  encode: (text: string) => number[],
  eosId: number,
): [current: number, next: number, share: number][] {
  const [open, blank, end] = ['\n', '\n\n', '</think>'].map((text) => encode(text).at(-1)!);
  const words = ['x', 'y', 'z', 'n', 'a', 'b'].flatMap(encode);
  const box = encode('\\boxed{');
  const digits = ['2', '3', '4', '5', '6'].flatMap(encode);
  const [close] = encode('}');
  const rules: [number, number, number][] = [];
  const follows = (current: number, next: readonly number[], share = 1): void => {
    for (const one of next) rules.push([current, one, share / next.length]);
  };
  follows(open, words);
  words.forEach((word) => follows(word, [blank]));
  follows(blank, words, 1 - 1 / STEPS);
  follows(blank, [end], 1 / STEPS);
  [end, ...box].forEach((token, i) => follows(token, i < box.length ? [box[i]] : digits));
  digits.forEach((digit) => follows(digit, [close]));
  follows(close, [eosId]);
  const known = new Set(rules.map(([current]) => current));
  for (let other = 0; other < vocabSize; other++) if (!known.has(other)) follows(other, [blank]);
  return rules;
}
