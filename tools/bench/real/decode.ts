/**
 * Sampling from pretrained models: word problems, and siblings that share a long prefix. Beside llama.cpp, transformers and
 * vLLM, and beside what the machine needs if it does nothing but the matrix products, or nothing but reading the weights.
 */
import { inTurn } from '../in-turn.js';
import { PeerFailed } from '../peer.js';
import { markMemory, peakMemory } from '../process-memory.js';
import { alone, higherIsBetter, lowerIsBetter, type Row } from '../report.js';
import { VllmNotInstalled } from '../vllm-environment.js';
import { readingSeconds, samplingProductSeconds } from './limits.js';
import { type MeasuredModel, type MeasuredName, promptsOf } from './model.js';
import { llama, ours, type Sampler, transformers, vllm, type Work } from './samplers.js';

export interface Case {
  readonly problems: number;
  readonly siblings: number;
  /** Prompts are made so long, with what came before them; left out: they stay as they are. */
  readonly prefixTokens?: number;
  readonly newTokens: Readonly<Record<MeasuredName, number>>;
  /** Least ratio to llama.cpp in F32. */
  readonly target?: number;
}

const tokens = (small: number, large: number): Case['newTokens'] => ({
  'smollm2-135m': small,
  'qwen2.5-coder-0.5b': large,
});
export const ROLLOUTS: readonly Case[] = [
  { problems: 4, siblings: 1, newTokens: tokens(128, 32) },
  { problems: 24, siblings: 1, newTokens: tokens(64, 32) },
  { problems: 48, siblings: 1, newTokens: tokens(64, 16), target: 4 },
  { problems: 128, siblings: 1, newTokens: tokens(32, 16) },
];
export const BRANCHES: readonly Case[] = [
  { problems: 24, siblings: 4, prefixTokens: 256, newTokens: tokens(32, 16), target: 4 },
];
/** A round of the larger model takes minutes. */
const ROUNDS: Readonly<Record<MeasuredName, number>> = { 'smollm2-135m': 3, 'qwen2.5-coder-0.5b': 1 };
/** Graphs are built and memory is found before. */
const WARM_UP_TOKENS = 2;
const LEAST_SHARE = 0.7;

const OURS = 'ours';
const LLAMA = 'llama.cpp F32';
const VLLM = 'vLLM';
const PRODUCTS = 'products alone';
const READING = 'reading the weights';

/** @param show gets the rows of a case as soon as it is measured */
export async function decode(
  model: MeasuredModel,
  cases: readonly Case[],
  show: (rows: readonly Row[]) => void,
): Promise<void> {
  const works = cases.map((one) => workOf(model, one, 0, 0));
  const rollouts = works.map(({ prompts, siblings }) => prompts.length * siblings);
  const contenders = await everybody(model, Math.max(...rollouts), Math.max(...works.map(lengthOf)));
  try {
    // No prompt comes twice: engines keep the keys and values of prompts that they have seen.
    let seen = 0;
    for (const one of cases) {
      show(await measure(model, one, contenders, seen));
      seen += (ROUNDS[model.name] + 1) * one.problems;
    }
  } finally {
    for (const sampler of contenders.samplers.values()) await sampler.close();
  }
}

interface Contenders {
  readonly samplers: ReadonlyMap<string, Sampler>;
  /** Why others are not among them, by name. */
  readonly absent: ReadonlyMap<string, string>;
}

async function everybody(model: MeasuredModel, rollouts: number, length: number): Promise<Contenders> {
  const samplers = new Map([
    [OURS, await ours(model)],
    [LLAMA, await llama(model, 'F32')],
    ['llama.cpp Q8_0', await llama(model, 'Q8_0')],
    ['transformers', await transformers(model)],
  ]);
  try {
    return { samplers: samplers.set(VLLM, await vllm(model, { rollouts, length })), absent: new Map() };
  } catch (error) {
    if (!(error instanceof VllmNotInstalled || error instanceof PeerFailed)) throw error;
    return { samplers, absent: new Map([[VLLM, lastLine(error)]]) };
  }
}

/** Those that can do the work: each does a little of it. */
async function ready({ samplers, absent }: Contenders, work: Work): Promise<Contenders> {
  const prepared = new Map<string, Sampler>();
  const failed = new Map(absent);
  for (const [who, sampler] of samplers) {
    try {
      await sampler.prepare(work.prompts.length * work.siblings, lengthOf(work));
      await sampler.sample({ ...work, newTokens: WARM_UP_TOKENS });
      await markMemory(sampler.pid);
      prepared.set(who, sampler);
    } catch (error) {
      if (!(error instanceof PeerFailed)) throw error;
      failed.set(who, lastLine(error));
    }
  }
  return { samplers: prepared, absent: failed };
}

function lastLine({ message }: Error): string {
  return message.trim().split('\n').at(-1)!;
}

/** @param seen prompts that contenders had before */
async function measure(model: MeasuredModel, one: Case, contenders: Contenders, seen: number): Promise<Row[]> {
  const name = nameOf(model, one);
  const work = workOf(model, one, 0, seen);
  const rollouts = work.prompts.length * work.siblings;
  const { samplers, absent } = await ready(contenders, workOf(model, one, ROUNDS[model.name], seen));
  const sampled = { rollouts, promptTokens: differentTokens(work.prompts), newTokens: work.newTokens };
  const turns = new Map<string, (round: number) => Promise<number>>([
    ...[...samplers].map(([who, sampler]) => {
      return [who, (round: number) => sampler.sample(workOf(model, one, round, seen))] as const;
    }),
    [PRODUCTS, () => samplingProductSeconds(model, sampled)],
    [READING, () => readingSeconds(model, sampled)],
  ]);
  const seconds = await inTurn(name, Object.fromEntries(turns), { rounds: ROUNDS[model.name], warmUps: 0 });
  const made = rollouts * work.newTokens;
  const rate = { case: name, unit: 'tokens/s', ours: made / seconds[OURS] };
  const rows: Row[] = [...samplers.keys()]
    .filter((who) => who !== OURS)
    .map((who) => {
      const target = who === LLAMA ? one.target : who === VLLM ? 1 : undefined;
      return higherIsBetter({ ...rate, metric: `throughput (peer: ${who})`, peer: made / seconds[who] }, target);
    });
  for (const [who, why] of absent) rows.push(alone({ ...rate, metric: `throughput (no ${who}: ${why})` }));
  const nearer = seconds[PRODUCTS] > seconds[READING] ? PRODUCTS : READING;
  for (const limit of [PRODUCTS, READING]) {
    const share = { ...rate, metric: `share of the limit (peer: ${limit})`, peer: made / seconds[limit] };
    rows.push(higherIsBetter(share, limit === nearer ? LEAST_SHARE : undefined));
  }
  const own = (await peakMemory(samplers.get(OURS)!.pid)) / 2 ** 20;
  for (const [who, { pid }] of samplers) {
    if (who === OURS) continue;
    const peer = (await peakMemory(pid)) / 2 ** 20;
    rows.push(lowerIsBetter({ case: name, metric: `peak memory (peer: ${who})`, unit: 'MiB', ours: own, peer }));
  }
  return rows;
}

function workOf(
  model: MeasuredModel,
  { problems, siblings, prefixTokens, newTokens }: Case,
  round: number,
  seen: number,
): Work {
  const prompts = promptsOf(model, problems, seen + round * problems);
  return {
    prompts:
      prefixTokens === undefined ? prompts : prompts.map((prompt, i) => lengthened(prompt, prompts, i, prefixTokens)),
    siblings,
    newTokens: newTokens[model.name],
    round,
  };
}

/** The prompts before it, as far back as it takes: each prefix is another from its first token on. */
function lengthened(prompt: readonly number[], prompts: readonly number[][], i: number, length: number): number[] {
  const before: number[][] = [];
  const missing = Math.ceil(length / prompt.length);
  for (let back = missing; back > 0; back--) before.push(prompts[(i + prompts.length - back) % prompts.length]);
  return [...before.flat(), ...prompt].slice(-length);
}

/** Tokens of all prompts, where what several begin with counts once. */
function differentTokens(prompts: readonly (readonly number[])[]): number {
  const beginnings = new Set<string>();
  for (const prompt of prompts) prompt.forEach((_, end) => beginnings.add(prompt.slice(0, end + 1).join()));
  return beginnings.size;
}

const lengthOf = ({ prompts, newTokens }: Work): number => prompts[0].length + newTokens;

function nameOf({ name }: MeasuredModel, { problems, siblings, prefixTokens, newTokens }: Case): string {
  const what =
    prefixTokens === undefined
      ? `${problems} rollouts`
      : `${problems} prefixes of ${prefixTokens}, ${siblings} siblings`;
  return `${name} · ${what}, ${newTokens[name]} tokens each`;
}
