/** A batch through one graph (`score-graph.ts`) in one run. */
import { floats, type HostTensor, int64s, Session, type SessionSettings } from '../onnx/runtime.js';
import { SessionPool } from '../onnx/session-pool.js';
import type { ModelConfig } from '../transformer/config.js';
import { hasLargeVocabulary } from '../transformer/large.js';
import type { Weights } from '../transformer/parameters.js';
import type { BatchScores, ScoreBatch, ScorePass, StepColumns } from './batch.js';
import { scoreGraph } from './score-graph.js';
import { PART_TOKENS } from './token-scores.js';

export class WholePass implements ScorePass {
  /** With and without influence. */
  readonly #sessions = new SessionPool<{ readonly session: Session }>();

  constructor(
    private readonly config: ModelConfig,
    private readonly weights: Weights,
    private readonly settings: SessionSettings,
  ) {}

  async run(batch: ScoreBatch): Promise<BatchScores> {
    const { rows, length, block, tokens, predecessors, labels, steps } = batch;
    const session = await this.#session(steps !== undefined);
    const parts = (): HostTensor => int64s(BigInt64Array.of(BigInt(labels.length / PART_TOKENS)), []);
    const feeds: Record<string, HostTensor> = {
      tokens: int64s(tokens, [tokens.length, 1]),
      positions: int64s(batch.positions, [tokens.length, 1]),
      spread: int64s(batch.spread, [rows, length]),
      found: int64s(batch.found, [tokens.length, 1]),
      block: int64s(BigInt64Array.of(BigInt(block)), []),
      blocks: int64s(BigInt64Array.of(BigInt(length / block)), []),
      predecessors: int64s(predecessors, [labels.length, 1]),
      labels: int64s(labels, [labels.length, 1]),
      temperature: floats(batch.temperature, [labels.length, 1]),
      ...(hasLargeVocabulary(this.config) ? { parts: parts() } : {}),
      ...(steps ? influenceFeeds(steps, rows, length) : {}),
    };
    const outputs = ['logProbs', 'entropies', ...(steps ? ['influence'] : [])];
    const results = await session.run(feeds, outputs);
    const found = (name: string): Float32Array => results[name].data as Float32Array;
    const scores = { logProbs: found('logProbs'), entropies: found('entropies') };
    return steps ? { ...scores, influence: found('influence') } : scores;
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  async #session(withInfluence: boolean): Promise<Session> {
    const { session } = await this.#sessions.of(String(withInfluence), async () => {
      const graph = scoreGraph(this.config, this.weights, withInfluence);
      return { session: await Session.open(graph, { ...this.settings, planMemory: false }) };
    });
    return session;
  }
}

function influenceFeeds(
  { ranges, count, weight, reach }: StepColumns,
  rows: number,
  length: number,
): Record<string, HostTensor> {
  const membership = new Float32Array(rows * length * count);
  ranges.forEach((row, r) =>
    row.forEach(([start, end], k) => {
      for (let t = start; t < end; t++) membership[(r * length + t) * count + k] = 1 / (end - start);
    }),
  );
  return {
    stepWeight: floats(weight, [rows, length]),
    reach: int64s(reach, [rows, length]),
    membership: floats(membership, [rows, length, count]),
  };
}
