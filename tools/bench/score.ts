/** Log-probs, entropies and FCI in one pass: beside the same without FCI, and beside transformers with `output_attentions`. */
import { DELTA } from '../../algorithm/influence.js';
import type { Score, ScoreRequest } from '../../contracts/engine/engine.js';
import { openInferenceEngine } from '../../policy/processes/open.js';
import { inTurn, secondsOf } from './in-turn.js';
import { THREADS } from './machine.js';
import { Peer } from './peer.js';
import { markMemory, peakMemory } from './process-memory.js';
import { NARROW, randomTokens, TOY, WIDE, withModels, type RandomModel, type Shape } from './random-model.js';
import { lowerIsBetter, type Row } from './report.js';

interface Case {
  readonly rows: number;
  readonly length: number;
  readonly promptTokens: number;
  readonly stepTokens: number;
}

const LONG: Case = { rows: 1, length: 2048, promptTokens: 64, stepTokens: 32 };
/** About the initial responses of an iteration of the default run. */
const SHORT: Case = { rows: 144, length: 128, promptTokens: 32, stepTokens: 8 };
const TOY_CASE: Case = { rows: 1, length: 64, promptTokens: 8, stepTokens: 8 };
const TOLERANCE = 1e-4;

export type PeerScore = Readonly<Record<keyof Score, readonly (readonly number[])[]>> & { readonly seconds: number };

export function score(): Promise<Row[]> {
  return withModels([WIDE, NARROW, TOY], async (wide, narrow, toy) => {
    const rows: Row[] = [];
    for (const model of [wide, narrow]) {
      rows.push(...(await times(model, LONG)), await memory(model, toy), ...(await times(model, SHORT)));
    }
    return rows;
  });
}

async function times(model: RandomModel, one: Case): Promise<Row[]> {
  const engine = openInferenceEngine({ threads: THREADS });
  const peer = await Peer.start('score.py');
  try {
    await engine.load(model.policy);
    await loadPeer(peer, model);
    const ours = new Map<number, Score[]>();
    const seconds = await inTurn(`score ${caseName(model.shape, one)}`, {
      'with FCI': (round) => {
        const requests = requestsOf(model, one, round, true);
        return secondsOf(async () => ours.set(round, await engine.score(model.policy.id, requests)));
      },
      'without FCI': (round) => {
        const requests = requestsOf(model, one, round, false);
        return secondsOf(() => engine.score(model.policy.id, requests));
      },
      transformers: async (round) => {
        const reply = await runPeer(peer, model, one, round);
        requireSameScores(ours.get(round) ?? [], reply);
        return reply.seconds;
      },
    });
    const measured = { case: caseName(model.shape, one), unit: 's', ours: seconds['with FCI'] };
    return [
      lowerIsBetter({ ...measured, metric: 'time (peer: ours, without FCI)', peer: seconds['without FCI'] }, 1 / 1.25),
      lowerIsBetter(
        { ...measured, metric: 'time (peer: transformers, output_attentions)', peer: seconds.transformers },
        one === LONG ? 2 : undefined,
      ),
    ];
  } finally {
    await engine.close();
    await peer.close();
  }
}

/** Growth of the resident memory, in processes that have done the same work once on a toy model. */
async function memory(model: RandomModel, toy: RandomModel): Promise<Row> {
  return lowerIsBetter(
    {
      case: caseName(model.shape, LONG),
      metric: 'peak memory (peer: transformers, output_attentions)',
      unit: 'MiB',
      ours: (await ourPeak(model, toy)) / 2 ** 20,
      peer: (await peerPeak(model, toy)) / 2 ** 20,
    },
    5,
  );
}

async function ourPeak(model: RandomModel, toy: RandomModel): Promise<number> {
  const engine = openInferenceEngine({ threads: THREADS });
  try {
    await engine.load(toy.policy);
    await engine.score(toy.policy.id, requestsOf(toy, TOY_CASE, 0, true));
    const { pid } = engine;
    if (pid === undefined) throw new Error('the engine has no process');
    const before = await markMemory(pid);
    await engine.load(model.policy);
    for (const round of [0, 1]) await engine.score(model.policy.id, requestsOf(model, LONG, round, true));
    return (await peakMemory(pid)) - before;
  } finally {
    await engine.close();
  }
}

async function peerPeak(model: RandomModel, toy: RandomModel): Promise<number> {
  const peer = await Peer.start('score.py');
  try {
    await loadPeer(peer, toy);
    await runPeer(peer, toy, TOY_CASE, 0);
    const before = await peer.ask<{ bytes: number }>({ operation: 'markMemory' });
    await loadPeer(peer, model);
    for (const round of [0, 1]) await runPeer(peer, model, LONG, round);
    const after = await peer.ask<{ bytes: number }>({ operation: 'peakMemory' });
    return after.bytes - before.bytes;
  } finally {
    await peer.close();
  }
}

function requestsOf({ shape }: RandomModel, one: Case, round: number, fci: boolean): ScoreRequest[] {
  return randomTokens(shape, one.rows, one.length, round).map((tokens) => ({
    tokens: Int32Array.from(tokens),
    promptLength: one.promptTokens,
    temperature: 1,
    ...(fci ? { stepRanges: stepRanges(one), thinkEndStep: -1, delta: DELTA } : {}),
  }));
}

function loadPeer(peer: Peer, { shape, directory }: RandomModel): Promise<object> {
  return peer.ask({ operation: 'load', name: shape.name, directory, threads: THREADS });
}

function runPeer(peer: Peer, { shape }: RandomModel, one: Case, round: number): Promise<PeerScore> {
  return peer.ask({
    operation: 'score',
    name: shape.name,
    tokens: randomTokens(shape, one.rows, one.length, round),
    promptLength: one.promptTokens,
    stepRanges: stepRanges(one),
    delta: DELTA,
  });
}

/** The prompt, then steps of equal length. */
export function stepRanges({ length, promptTokens, stepTokens }: Case): (readonly [number, number])[] {
  const steps = Math.ceil((length - promptTokens) / stepTokens);
  const step = (i: number): number => Math.min(length, promptTokens + i * stepTokens);
  return [[0, promptTokens], ...Array.from({ length: steps }, (_, i) => [step(i), step(i + 1)] as const)];
}

function caseName({ name }: Shape, { rows, length }: Case): string {
  return `${name} · ${rows} x ${length} tokens`;
}

function requireSameScores(ours: readonly Score[], peer: PeerScore): void {
  const apart = Math.max(
    ...FOUND.map((field) =>
      largestDifference(
        ours.map((row) => row[field]),
        peer[field],
      ),
    ),
  );
  if (!(apart <= TOLERANCE)) throw new RangeError(`not the same work: scores differ by ${apart} from transformers'`);
}

export const FOUND = ['logProbs', 'entropies', 'fci'] as const satisfies readonly (keyof Score)[];

/** Of the same rows; NaN where there are not as many numbers. */
export function largestDifference(
  rows: readonly ArrayLike<number>[],
  others: readonly (readonly number[] | undefined)[],
): number {
  const differences = rows.map((row, r) => {
    const other = others[r];
    if (row.length !== other?.length) return NaN;
    return other.reduce((largest, value, i) => Math.max(largest, Math.abs(value - row[i])), 0);
  });
  return Math.max(...differences);
}
