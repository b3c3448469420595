/**
 * Log-probs, entropies and FCI of a model's own responses, beside transformers with `output_attentions`, and beside what the
 * machine needs if it does nothing but the matrix products. Both are held to transformers in double precision.
 */
import { DELTA } from '../../../algorithm/influence.js';
import type { Score, ScoreRequest } from '../../../contracts/engine/engine.js';
import { openInferenceEngine } from '../../../policy/processes/open.js';
import { inTurn, secondsOf } from '../in-turn.js';
import { THREADS } from '../machine.js';
import { Peer } from '../peer.js';
import { markMemory, peakMemory } from '../process-memory.js';
import { lowerIsBetter, type Row } from '../report.js';
import { FOUND, largestDifference, type PeerScore, stepRanges } from '../score.js';
import { scoringProductSeconds } from './limits.js';
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
const TIMES_FASTER = 2;
const LEAST_SHARE = 0.85;
/** Of log-probs and FCI; entropies are sums over all words, of some nats. */
const TOLERANCE = 1e-4;
/** Rows that are computed in double precision. */
const DOUBLE_ROWS = 4;
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
    const askPeer = (operation: string, tokens: readonly (readonly number[])[]): Promise<PeerScore> => {
      const asked = { promptLength: promptTokens, stepRanges: stepRanges(steps), delta: DELTA };
      return peer.ask<PeerScore>({ operation, name: model.name, tokens, ...asked });
    };
    const seconds = await inTurn(
      caseName(model, rows, length),
      {
        ours: () => secondsOf(async () => (own = await engine.score(model.policy.id, requests))),
        transformers: async () => {
          let all = 0;
          for (let first = 0; first < rows; first += peerRows) {
            const reply = await askPeer('score', sequences.slice(first, first + peerRows));
            all += reply.seconds;
          }
          return all;
        },
        products: () =>
          scoringProductSeconds(model, { sequences: rows, length, wanted: rows * (length - promptTokens) }),
      },
      ROUNDS,
    );
    const [ours, theirs] = (await Promise.all(pids.map(peakMemory))).map((peak, i) => (peak - before[i]) / MIB);
    const name = caseName(model, rows, length);
    const time = { case: name, unit: 's', ours: seconds.ours };
    // Where nothing on onnxruntime could be so fast, it is to come near to what could be.
    const withinReach = seconds.transformers >= TIMES_FASTER * seconds.products;
    const some = sequences.slice(0, DOUBLE_ROWS);
    const exact = await askPeer('scoreInDouble', some);
    const single = await askPeer('score', some);
    return [
      lowerIsBetter(
        { ...time, metric: 'time (peer: transformers)', peer: seconds.transformers },
        withinReach ? TIMES_FASTER : undefined,
      ),
      lowerIsBetter(
        { ...time, metric: 'share of the limit (peer: products alone)', peer: seconds.products },
        withinReach ? undefined : LEAST_SHARE,
      ),
      lowerIsBetter(
        {
          case: name,
          metric: 'peak memory above the weights (peer: transformers)',
          unit: 'MiB',
          ours,
          peer: theirs,
        },
        5,
      ),
      ...differences(name, own.slice(0, DOUBLE_ROWS), single, exact),
    ];
  } finally {
    await engine.close();
    await peer.close();
  }
}

/** Ours and the peer's single precision, both from its double precision. */
function differences(name: string, own: readonly Score[], single: PeerScore, exact: PeerScore): Row[] {
  return FOUND.map((field) => {
    const row = lowerIsBetter({
      case: name,
      metric: `largest difference of ${field} to double precision (peer: transformers)`,
      unit: '',
      ours: largestDifference(
        own.map((found) => found[field]),
        exact[field],
      ),
      peer: largestDifference(single[field], exact[field]),
    });
    return field === 'entropies' ? row : { ...row, target: { atMost: TOLERANCE } };
  });
}

function processOf(pid: number | undefined): number {
  if (pid === undefined) throw new Error('the engine has no process');
  return pid;
}

function caseName({ name }: MeasuredModel, rows: number, length: number): string {
  return `${name} · score of ${rows} x ${length} tokens with FCI`;
}
