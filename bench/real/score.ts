/** Log-probs, entropies and FCI of a model's own responses, beside transformers with `output_attentions`. */
import { DELTA } from '../../algorithm/influence.js';
import type { Score, ScoreRequest } from '../../contracts/engine.js';
import { openInferenceEngine } from '../../policy/engine/open.js';
import { inTurn, secondsOf } from '../in-turn.js';
import { THREADS } from '../machine.js';
import { Peer } from '../peer.js';
import { markMemory, peakMemory } from '../process-memory.js';
import { alone, lowerIsBetter, type Row } from '../report.js';
import { largestDifference, type PeerScore, stepRanges } from '../score.js';
import type { MeasuredModel } from './model.js';
import { responses, withSampling } from './responses.js';

interface Case {
  readonly rows: number;
  readonly length: number;
  /** Rows that the peer takes at once: their attention is in memory whole. */
  readonly peerRows: number;
}

const CASES: readonly Case[] = [
  { rows: 24, length: 192, peerRows: 8 },
  { rows: 1, length: 1536, peerRows: 1 },
];
const STEP_TOKENS = 16;
const ROUNDS = { rounds: 3, warmUps: 1 };
const TOLERANCE = 1e-4;
const MIB = 2 ** 20;

export async function score(model: MeasuredModel, show: (rows: readonly Row[]) => void): Promise<void> {
  for (const one of CASES) show(await measure(model, one));
}

/** Processes of its own for each case: what memory one has left, the next would not need. */
async function measure(model: MeasuredModel, { rows, length, peerRows }: Case): Promise<Row[]> {
  const promptTokens = model.prompts[0].length;
  const sampled = await withSampling(model, (sampler) => responses(sampler, model, rows, length - promptTokens));
  const engine = openInferenceEngine({ threads: THREADS });
  const peer = await Peer.start('score.py');
  try {
    const sequences = sampled.map(({ prompt, tokens }) => [...prompt, ...tokens]);
    const steps = { rows, length, promptTokens, stepTokens: STEP_TOKENS };
    const requests = sequences.map((tokens): ScoreRequest => ({
      tokens: Int32Array.from(tokens),
      promptLength: promptTokens,
      temperature: 1,
      stepRanges: stepRanges(steps),
      thinkEndStep: -1,
      delta: DELTA,
    }));
    await engine.load(model.policy);
    await peer.ask({ operation: 'load', name: model.name, directory: model.directory, threads: THREADS });
    const pids = [processOf(engine.pid), peer.pid];
    const before = await Promise.all(pids.map(markMemory));
    let own: readonly Score[] = [];
    let apart = 0;
    const seconds = await inTurn(
      caseName(model, rows, length),
      {
        ours: () => secondsOf(async () => (own = await engine.score(model.policy.id, requests))),
        transformers: async () => {
          let all = 0;
          for (let first = 0; first < rows; first += peerRows) {
            const reply = await peer.ask<PeerScore>({
              operation: 'score',
              name: model.name,
              tokens: sequences.slice(first, first + peerRows),
              promptLength: promptTokens,
              stepRanges: stepRanges(steps),
              delta: DELTA,
            });
            all += reply.seconds;
            apart = Math.max(apart, largestDifference(own.slice(first, first + peerRows), reply));
          }
          return all;
        },
      },
      ROUNDS,
    );
    const [ours, theirs] = (await Promise.all(pids.map(peakMemory))).map((peak, i) => (peak - before[i]) / MIB);
    const measured = { case: caseName(model, rows, length) };
    return [
      lowerIsBetter(
        { ...measured, metric: 'time (peer: transformers)', unit: 's', ours: seconds.ours, peer: seconds.transformers },
        2,
      ),
      lowerIsBetter(
        { ...measured, metric: 'peak memory above the weights (peer: transformers)', unit: 'MiB', ours, peer: theirs },
        5,
      ),
      alone({ ...measured, metric: 'largest difference to transformers', unit: '', ours: apart }, TOLERANCE),
    ];
  } finally {
    await engine.close();
    await peer.close();
  }
}

function processOf(pid: number | undefined): number {
  if (pid === undefined) throw new Error('the engine has no process');
  return pid;
}

function caseName({ name }: MeasuredModel, rows: number, length: number): string {
  return `${name} · score of ${rows} x ${length} tokens with FCI`;
}
