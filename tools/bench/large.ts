/**
 * Models of real shapes with random weights, beside transformers and PyTorch: whether they fit, memory, time. Each is
 * measured once, since once takes minutes. A peer may use what memory is free and not more: where it does not fit it ends
 * with an error instead of taking the machine down.
 */
import { DELTA } from '../../algorithm/influence.js';
import { createReadStream } from 'node:fs';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ScoreRequest } from '../../contracts/engine/engine.js';
import { openInferenceEngine, openLearner } from '../../policy/processes/open.js';
import { generate } from './decode.js';
import { freeMemory } from './free-memory.js';
import { secondsOf } from './in-turn.js';
import { OPTIMIZER, supervise } from './learn.js';
import { THREADS } from './machine.js';
import { Peer } from './peer.js';
import { markMemory, peakMemory } from './process-memory.js';
import { BILLION_AND_A_HALF, HALF_BILLION, randomTokens, withModels, type RandomModel } from './random-model.js';
import { alone, higherIsBetter, lowerIsBetter, type Row } from './report.js';
import { stepRanges } from './score.js';

const GENERATION = { name: '', prompts: 4, promptTokens: 128, siblings: 1, newTokens: 32, target: 0 };
const SCORES = [
  { rows: 1, length: 2048, promptTokens: 256, stepTokens: 64 },
  { rows: 1, length: 8192, promptTokens: 256, stepTokens: 64 },
];
/** Of a score, above the weights. */
const MOST_MIB_OF_SCORE = 1.5e9 / 2 ** 20;
const UPDATE_TOKENS = 2048;
const MIB = 2 ** 20;

/** What a peer measured; undefined where it ran out of memory. */
interface Measured {
  readonly seconds: number;
  /** Bytes. */
  readonly peak: number;
}
type PeerResult<Result> = Result | undefined;

export function large(): Promise<Row[]> {
  return withModels([HALF_BILLION, BILLION_AND_A_HALF], async (half, whole) => [
    ...(await generation(half)),
    ...(await scores(half)),
    ...(await update(half)),
    ...(await generation(whole)),
  ]);
}

async function generation(model: RandomModel): Promise<Row[]> {
  const { prompts: count, promptTokens, newTokens } = GENERATION;
  const name = `${model.shape.name} · ${count} x (${promptTokens} + ${newTokens}) tokens`;
  const tokens = count * newTokens;
  const prompts = randomTokens(model.shape, count, promptTokens, 0);
  await readThrough(model);
  const ours = await withEngine({ slots: count }, async (engine) => ({
    loading: await secondsOf(() => engine.load(model.policy)),
    seconds: await secondsOf(() => generate(engine, model, prompts, GENERATION, 0)),
    peak: await peakMemory(requireProcess(engine.pid)),
  }));
  await readThrough(model);
  const peer = await asPeer('decode.py', async (ask) => {
    const loaded = await ask({ operation: 'load', ...loadArguments(model), attention: 'sdpa' });
    if (!loaded) return undefined;
    const made = await ask({ operation: 'generate', name: 'large', prompts, siblings: 1, newTokens, cache: null });
    const memory = made && (await ask({ operation: 'peakMemory' }));
    return memory && { seconds: made.seconds, peak: memory.bytes, loading: loaded.seconds };
  });
  return show([
    beside(lowerIsBetter, { case: name, metric: 'load', unit: 's', ours: ours.loading }, peer?.loading),
    beside(
      higherIsBetter,
      { case: name, metric: 'prefill and decode', unit: 'tokens/s', ours: tokens / ours.seconds },
      peer && tokens / peer.seconds,
    ),
    memoryRow(name, ours.peak, peer),
  ]);
}

/** Puts the weights into the system's cache, so that nobody waits for the disk: it would be the first. */
async function readThrough({ policy }: RandomModel): Promise<void> {
  const forget = new Writable({ write: (_chunk, _encoding, done) => done() });
  for (const file of policy.weights)
    await pipeline(createReadStream(file, { highWaterMark: 2 ** 24 }), forget, { end: false });
}

async function scores(model: RandomModel): Promise<Row[]> {
  const rows: Row[] = [];
  for (const one of SCORES) rows.push(...(await score(model, one)));
  return rows;
}

async function score(model: RandomModel, one: (typeof SCORES)[number]): Promise<Row[]> {
  const [tokens] = randomTokens(model.shape, 1, one.length, 0);
  const request: ScoreRequest = {
    tokens: Int32Array.from(tokens),
    promptLength: one.promptTokens,
    temperature: 1,
    stepRanges: stepRanges(one),
    thinkEndStep: -1,
    delta: DELTA,
  };
  const ours = await withEngine({}, async (engine) => {
    await engine.load(model.policy);
    const pid = requireProcess(engine.pid);
    const weights = await markMemory(pid);
    const seconds = await secondsOf(() => engine.score(model.policy.id, [request]));
    return { seconds, peak: (await peakMemory(pid)) - weights };
  });
  const peer = await asPeer('score.py', async (ask) => {
    if (!(await ask({ operation: 'load', ...loadArguments(model) }))) return undefined;
    const before = await ask({ operation: 'markMemory' });
    const argument = { name: 'large', tokens: [tokens], promptLength: one.promptTokens, delta: DELTA };
    const scored = await ask({ operation: 'score', ...argument, stepRanges: stepRanges(one) });
    const memory = scored && (await ask({ operation: 'peakMemory' }));
    return before && memory && { seconds: scored.seconds, peak: memory.bytes - before.bytes };
  });
  const name = `${model.shape.name} · score of ${one.length} tokens with FCI`;
  const above = { case: name, metric: 'peak memory above the weights', unit: 'MiB', ours: ours.peak / MIB };
  return show([
    beside(lowerIsBetter, { case: name, metric: 'time', unit: 's', ours: ours.seconds }, peer?.seconds),
    { ...beside(lowerIsBetter, above, peer && peer.peak / MIB), target: { atMost: MOST_MIB_OF_SCORE } },
  ]);
}

/** One step of AdamW on one sequence. */
async function update(model: RandomModel): Promise<Row[]> {
  const batch = randomTokens(model.shape, 1, UPDATE_TOKENS, 0);
  const ours = await ourUpdate(model, batch);
  const peer = await asPeer('learn.py', async (ask) => {
    const argument = { ...loadArguments(model), attention: 'sdpa', fused: true, ...OPTIMIZER };
    if (!(await ask({ operation: 'load', ...argument }))) return undefined;
    const step = await ask({ operation: 'step', name: 'large', tokens: batch });
    const memory = step && (await ask({ operation: 'peakMemory' }));
    return memory && { seconds: step.seconds, peak: memory.bytes };
  });
  const name = `${model.shape.name} · update on ${UPDATE_TOKENS} tokens`;
  const rate = { case: name, metric: 'forward, backward, AdamW', unit: 'tokens/s', ours: UPDATE_TOKENS / ours.seconds };
  return show([beside(higherIsBetter, rate, peer && UPDATE_TOKENS / peer.seconds), memoryRow(name, ours.peak, peer)]);
}

async function ourUpdate(model: RandomModel, batch: readonly number[][]): Promise<Measured> {
  const learner = openLearner({ threads: THREADS });
  try {
    await learner.load({ policy: model.policy });
    const seconds = await secondsOf(() => supervise(learner, batch));
    return { seconds, peak: await peakMemory(requireProcess(learner.pids[0])) };
  } finally {
    await learner.close();
  }
}

/** Ours is gone when the peer begins: it would take memory from it. */
async function withEngine<Result>(
  settings: { readonly slots?: number },
  work: (engine: ReturnType<typeof openInferenceEngine>) => Promise<Result>,
): Promise<Result> {
  const engine = openInferenceEngine({ threads: THREADS, ...settings });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** Replies of the peers' operations, together. */
interface Reply {
  readonly seconds: number;
  readonly bytes: number;
}
type Ask = (request: object) => Promise<PeerResult<Reply>>;

/** Lets a peer work within the memory that is free. */
async function asPeer<Result>(script: string, work: (ask: Ask) => Promise<Result>): Promise<Result> {
  const peer = await Peer.start(script);
  try {
    await peer.ask({ operation: 'limitMemory', bytes: await freeMemory() });
    return await work(async (request) => {
      const reply = await peer.ask<Reply | { readonly outOfMemory: true }>(request);
      return 'outOfMemory' in reply ? undefined : reply;
    });
  } finally {
    await peer.close();
  }
}

function loadArguments({ directory }: RandomModel): object {
  return { name: 'large', directory, threads: THREADS };
}

function requireProcess(pid: number | undefined): number {
  if (pid === undefined) throw new Error('the engine has no process');
  return pid;
}

type Own = Parameters<typeof alone>[0];

function beside(compare: typeof lowerIsBetter, own: Own, peer: number | undefined): Row {
  return peer === undefined ? outOfMemory(own) : compare({ ...own, peer });
}

function memoryRow(name: string, bytes: number, peer: PeerResult<Measured>): Row {
  const own = { case: name, metric: 'peak memory, weights included', unit: 'MiB', ours: bytes / MIB };
  return beside(lowerIsBetter, own, peer && peer.peak / MIB);
}

function outOfMemory(own: Own): Row {
  return alone({ ...own, metric: `${own.metric} (the peer does not fit)` });
}

/** What was found so far, since the whole takes long. */
function show(rows: Row[]): Row[] {
  for (const { case: name, metric, ours, peer, unit } of rows) {
    console.error(
      `${name} · ${metric}: ${ours.toPrecision(4)} ${unit}, peer ${peer?.toPrecision(4) ?? 'out of memory'}`,
    );
  }
  return rows;
}
