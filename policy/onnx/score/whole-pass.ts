/** A batch through one graph (`score-graph.ts`) in one run. */
import { bigInt64Array } from '../host-tensor.js';
import { floats, type HostTensor, int64s, Session, type SessionSettings } from '../runtime.js';
import { SessionPool } from '../session-pool.js';
import type { ModelConfig } from '../../model/config.js';
import { hasLargeVocabulary } from '../../model/large.js';
import type { Weights } from '../../model/parameters.js';
import type { BatchScores, ScoreBatch, ScorePass, StepColumns } from './batch.js';
import { scoreGraph, type ScoreKind } from './score-graph.js';
import { PART_TOKENS } from './token-scores.js';

export class WholePass implements ScorePass {
  /** By kind and positions. */
  readonly #sessions = new SessionPool<{ readonly session: Session }>();

  constructor(
    private readonly config: ModelConfig,
    private readonly weights: Weights,
    private readonly settings: SessionSettings,
  ) {}

  async run(batch: ScoreBatch): Promise<BatchScores> {
    const { rows, length, block, labels, steps, shares } = batch;
    const session = await this.#session(
      { withInfluence: steps !== undefined, shares },
      positionsFor(this.config, length),
    );
    const parts = (): HostTensor => int64s(BigInt64Array.of(BigInt(labels.length / PART_TOKENS)), []);
    const feeds: Record<string, HostTensor> = {
      ...(shares ? distinctFeeds(batch) : placeFeeds(batch)),
      block: int64s(BigInt64Array.of(BigInt(block)), []),
      blocks: int64s(BigInt64Array.of(BigInt(length / block)), []),
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

  async #session(kind: ScoreKind, maxPositions: number): Promise<Session> {
    const { session } = await this.#sessions.of(JSON.stringify([kind, maxPositions]), async () => {
      const graph = scoreGraph({ ...this.config, maxPositions }, this.weights, kind);
      return { session: await Session.open(graph, { ...this.settings, planMemory: false }) };
    });
    return session;
  }
}

/** The model's, or more for longer sequences: only its rotary tables end there. A power of 2, so that graphs are few. */
function positionsFor({ maxPositions }: ModelConfig, length: number): number {
  return length <= maxPositions ? maxPositions : 2 ** Math.ceil(Math.log2(length));
}

/** Each distinct token once, and where it stands. */
function distinctFeeds({ rows, length, ...batch }: ScoreBatch): Record<string, HostTensor> {
  const column = (values: BigInt64Array): HostTensor => int64s(values, [values.length, 1]);
  return {
    tokens: column(batch.tokens),
    positions: column(batch.positions),
    spread: int64s(batch.spread, [rows, length]),
    found: column(batch.found),
    predecessors: column(batch.predecessors),
  };
}

/** The tokens at their places. */
function placeFeeds({ rows, length, ...batch }: ScoreBatch): Record<string, HostTensor> {
  const predecessors = batch.predecessors.map((distinct) => batch.found[Number(distinct)]);
  return {
    tokens: int64s(
      batch.spread.map((distinct) => batch.tokens[Number(distinct)]),
      [rows, length],
    ),
    positions: int64s(
      bigInt64Array(rows * length, (place) => place % length),
      [rows, length],
    ),
    predecessors: int64s(predecessors, [predecessors.length, 1]),
  };
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
