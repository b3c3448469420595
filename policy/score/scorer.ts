/** Scores sequences teacher-forced, in runs of similar length within a token budget. */
import { zeroOutsideReasoning } from '../../algorithm/influence.js';
import type { Score, ScoreRequest } from '../../contracts/engine.js';
import { floats, int64s, type HostTensor, Session, type SessionSettings } from '../onnx/runtime.js';
import type { ModelConfig } from '../transformer/config.js';
import type { Weights } from '../transformer/parameters.js';
import { hasLargeVocabulary } from '../transformer/large.js';
import { PART_TOKENS, scoreGraph } from './score-graph.js';

/** Padded tokens of one run: enough for full-speed products, small enough to heartbeat between runs. */
const RUN_TOKENS = 4096;
const DEFAULT_DELTA = 4;
/** Sequences up to this length are one block of attention, longer ones are cut into blocks. Decides bits of the FCI. */
const ONE_BLOCK = 128;
const QUERY_BLOCK = 64;
/** Sequences are padded to a multiple of it, which no vectorised sum over them notices. */
const LANES = 16;

export class Scorer {
  #plain?: Session;
  #withInfluence?: Session;

  constructor(
    private readonly config: ModelConfig,
    private readonly weights: Weights,
    private readonly settings: SessionSettings,
  ) {}

  /**
   * Results in the order of the requests.
   * @param between called after each run with the number of sequences done; throwing stops.
   */
  async score(requests: readonly ScoreRequest[], between: (done: number) => Promise<void>): Promise<Score[]> {
    const results = new Array<Score>(requests.length);
    let done = 0;
    for (const run of runs(requests)) {
      const scores = await this.#run(run.map((i) => requests[i]));
      scores.forEach((score, r) => (results[run[r]] = score));
      done += run.length;
      await between(done);
    }
    return results;
  }

  async close(): Promise<void> {
    await this.#plain?.close();
    await this.#withInfluence?.close();
  }

  async #session(withInfluence: boolean): Promise<Session> {
    const open = (): Promise<Session> =>
      Session.open(scoreGraph(this.config, this.weights, withInfluence), { ...this.settings, planMemory: false });
    return withInfluence ? (this.#withInfluence ??= await open()) : (this.#plain ??= await open());
  }

  async #run(requests: readonly ScoreRequest[]): Promise<Score[]> {
    const withInfluence = requests[0].stepRanges !== undefined;
    const session = await this.#session(withInfluence);
    const length = padded(Math.max(...requests.map(({ tokens }) => tokens.length)));
    const block = Math.min(length, blockOf(length));
    const wanted = requests.map(({ tokens, promptLength }) => tokens.length - promptLength);
    const total = wanted.reduce((a, b) => a + b, 0);
    // A product of a single row takes another kernel with other bits: a second place is read and thrown away.
    const inParts = hasLargeVocabulary(this.config);
    const places = new BigInt64Array(inParts ? Math.ceil(total / PART_TOKENS) * PART_TOKENS : Math.max(2, total));
    const labels = new BigInt64Array(places.length);
    const temperature = new Float32Array(places.length).fill(1);
    const tokens = new BigInt64Array(requests.length * length);
    const positions = new BigInt64Array(requests.length * length);
    let n = 0;
    requests.forEach((request, r) => {
      for (let t = 0; t < length; t++) positions[r * length + t] = BigInt(t);
      request.tokens.forEach((token, t) => (tokens[r * length + t] = BigInt(token)));
      for (let t = request.promptLength; t < request.tokens.length; t++, n++) {
        places[n] = BigInt(r * length + t - 1);
        labels[n] = BigInt(request.tokens[t]);
        temperature[n] = request.temperature;
      }
    });
    const feeds: Record<string, HostTensor> = {
      tokens: int64s(tokens, [requests.length, length]),
      positions: int64s(positions, [requests.length, length]),
      block: int64s(BigInt64Array.of(BigInt(block)), []),
      blocks: int64s(BigInt64Array.of(BigInt(length / block)), []),
      places: int64s(places, [places.length]),
      labels: int64s(labels, [places.length, 1]),
      temperature: floats(temperature, [places.length, 1]),
      ...(inParts ? { parts: int64s(BigInt64Array.of(BigInt(places.length / PART_TOKENS)), []) } : {}),
      ...(withInfluence ? influenceFeeds(requests, length) : {}),
    };
    const outputs = ['logProbs', 'entropies', ...(withInfluence ? ['influence'] : [])];
    const result = await session.run(feeds, outputs);
    const steps = result['influence']?.dims[1] ?? 0;
    let from = 0;
    return requests.map((request, r) => {
      const to = from + wanted[r];
      const part = (name: string): Float32Array => (result[name].data as Float32Array).slice(from, to);
      const score = {
        logProbs: part('logProbs'),
        entropies: part('entropies'),
        fci: new Float32Array(0),
      };
      from = to;
      if (!request.stepRanges) return score;
      const row = (result['influence'].data as Float32Array).subarray(r * steps, r * steps + request.stepRanges.length);
      return { ...score, fci: Float32Array.from(zeroOutsideReasoning(row, request.thinkEndStep ?? -1)) };
    });
  }
}

function influenceFeeds(requests: readonly ScoreRequest[], length: number): Record<string, HostTensor> {
  const rows = requests.length;
  const steps = Math.max(...requests.map(({ stepRanges }) => stepRanges!.length));
  const stepWeight = new Float32Array(rows * length);
  const reach = new BigInt64Array(rows * length);
  const membership = new Float32Array(rows * length * steps);
  requests.forEach(({ stepRanges, delta = DEFAULT_DELTA }, r) => {
    stepRanges!.forEach(([start, end], j) => {
      const weight = 1 / (end - start);
      // Steps 0 .. j - delta are far enough back; their keys end where step j - delta ends.
      const far = j >= delta ? stepRanges![j - delta][1] : 0;
      for (let t = start; t < end; t++) {
        stepWeight[r * length + t] = weight;
        reach[r * length + t] = BigInt(far);
        membership[(r * length + t) * steps + j] = weight;
      }
    });
  });
  return {
    stepWeight: floats(stepWeight, [rows, length]),
    reach: int64s(reach, [rows, length]),
    membership: floats(membership, [rows, length, steps]),
  };
}

const blockOf = (length: number): number => (length <= ONE_BLOCK ? ONE_BLOCK : QUERY_BLOCK);

function padded(length: number): number {
  const unit = length <= ONE_BLOCK ? LANES : QUERY_BLOCK;
  return Math.ceil(length / unit) * unit;
}

/**
 * Indices of requests that run together: with and without FCI apart, and those of one block, each sorted by padded length,
 * within the token budget.
 */
function runs(requests: readonly ScoreRequest[]): number[][] {
  const kind = ({ stepRanges, tokens }: ScoreRequest): string =>
    `${stepRanges !== undefined} ${blockOf(tokens.length)}`;
  const kinds = new Map<string, number[]>();
  requests.forEach((request, i) => kinds.set(kind(request), [...(kinds.get(kind(request)) ?? []), i]));
  const length = (i: number): number => padded(requests[i].tokens.length);
  return [...kinds.values()].flatMap((members) => {
    const result: number[][] = [];
    for (const i of members.sort((a, b) => length(a) - length(b) || a - b)) {
      const open = result.at(-1);
      if (open && (open.length + 1) * length(i) <= RUN_TOKENS) open.push(i);
      else result.push([i]);
    }
    return result;
  });
}
