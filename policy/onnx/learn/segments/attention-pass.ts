/** Attention of one micro-batch in one layer, a few tiles at a time: what runs between the graphs of attention. */
import { floats, type HostTensor, int32s } from '../../host-tensor.js';
import { groupSize, type ModelConfig } from '../../../model/config.js';
import type { Weights } from '../../../model/parameters.js';
import { inClass } from '../../../training/attention-feeds.js';
import { BLOCK } from '../../../training/attention-tiles.js';
import type { MicroBatch } from '../../../training/micro-batches.js';
import type { SegmentSessions } from './segment-sessions.js';

/** Matrices [T, heads * headSize] and [T, kvHeads * headSize]. */
export interface Projected {
  readonly queries: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** Tiles that run together. */
interface Run {
  readonly feeds: Readonly<Record<string, HostTensor>>;
  readonly tiles: readonly number[];
  /** Per tile the blocks of keys it needs. */
  readonly blocks: readonly (readonly number[])[];
  /** Blocks each is padded to. */
  readonly width: number;
}

const NO_WEIGHTS: Weights = new Map();

export class AttentionPass {
  readonly #runs: readonly Run[];

  /** @param maxScores most heads * queries * keys of a run; one tile always runs */
  constructor(
    private readonly config: ModelConfig,
    private readonly micro: MicroBatch,
    private readonly sessions: SegmentSessions,
    maxScores: number,
  ) {
    this.#runs = this.#cut(maxScores);
  }

  /** @param attended gets what each token's heads found, [T, heads * headSize] */
  async forward(projected: Projected, attended: Float32Array): Promise<void> {
    const shared = this.#sharedFeeds(projected);
    for (const run of this.#runs) {
      const results = await this.sessions.run('attention', NO_WEIGHTS, 0, { ...shared, ...run.feeds }, {}, ['mixed']);
      this.#scatter(run, results['mixed'].data as Float32Array, attended);
    }
  }

  /** Given what `forward` gave and its gradient. @param d gets those of queries, keys and values */
  async backward(projected: Projected, attended: Float32Array, dAttended: Float32Array, d: Projected): Promise<void> {
    const { heads, headSize } = this.config;
    const matrix = (values: Float32Array): HostTensor =>
      floats(values, [values.length / (heads * headSize), heads * headSize]);
    const shared = {
      ...this.#sharedFeeds(projected),
      attended: matrix(attended),
      'd attended': matrix(dAttended),
    };
    const blocks = [new Float32Array(this.#blockSize()), new Float32Array(this.#blockSize())] as const;
    const outputs = ['d queries', 'd keys', 'd values'];
    for (const run of this.#runs) {
      const feeds = { ...shared, ...run.feeds };
      const results = await this.sessions.run('attention gradient', NO_WEIGHTS, 0, feeds, {}, outputs);
      const [dQueries, dKeys, dValues] = outputs.map((name) => results[name].data as Float32Array);
      this.#scatter(run, dQueries, d.queries);
      this.#addBlocks(run, dKeys, blocks[0]);
      this.#addBlocks(run, dValues, blocks[1]);
    }
    this.#fromBlocks(blocks[0], d.keys);
    this.#fromBlocks(blocks[1], d.values);
  }

  #cut(maxScores: number): Run[] {
    const { kvHeads } = this.config;
    const { size, classes } = this.micro.tiles;
    const queries = size * groupSize(this.config);
    return classes.flatMap(({ tiles, blocks, width }, c) => {
      const scores = kvHeads * queries * width * BLOCK;
      const most = Math.max(1, Math.floor(maxScores / scores));
      const feed = (name: string, from: number, to: number): HostTensor => {
        const { data, dims } = this.micro.feeds[inClass(c, name)];
        const each = data.length / tiles.length;
        return int32s((data as Int32Array).subarray(from * each, to * each), [to - from, ...dims.slice(1)]);
      };
      return Array.from({ length: Math.ceil(tiles.length / most) }, (_, i): Run => {
        const [from, to] = [i * most, Math.min(tiles.length, (i + 1) * most)];
        const feeds = {
          rows: feed('results', from, to),
          chosen: feed('keys', from, to),
          queryEnter: feed('queryEnter', from, to),
          keyEnter: feed('keyEnter', from, to),
          keyExit: feed('keyExit', from, to),
        };
        return { feeds, tiles: tiles.slice(from, to), blocks: blocks.slice(from, to), width };
      });
    });
  }

  #sharedFeeds({ queries, keys, values }: Projected): Record<string, HostTensor> {
    const { heads, headSize } = this.config;
    const width = BLOCK * headSize;
    const blocks = (x: Float32Array): HostTensor => floats(this.#toBlocks(x), [this.#blockSize() / width, width]);
    return {
      queries: floats(queries, [queries.length / (heads * headSize), heads * headSize]),
      keyBlocks: blocks(keys),
      valueBlocks: blocks(values),
    };
  }

  #blockSize(): number {
    return this.micro.tiles.places.length * this.config.kvHeads * this.config.headSize;
  }

  /** [T, kvHeads * headSize] -> [A, kvHeads, BLOCK, headSize]; empty places are zero. */
  #toBlocks(x: Float32Array): Float32Array {
    const blocks = new Float32Array(this.#blockSize());
    this.#eachPlace((inBlocks, inTokens, size) => blocks.set(x.subarray(inTokens, inTokens + size), inBlocks));
    return blocks;
  }

  #fromBlocks(blocks: Float32Array, x: Float32Array): void {
    this.#eachPlace((inBlocks, inTokens, size) => x.set(blocks.subarray(inBlocks, inBlocks + size), inTokens));
  }

  /** Every token's every head: where it is among the blocks and among the tokens. */
  #eachPlace(visit: (inBlocks: number, inTokens: number, size: number) => void): void {
    const { kvHeads, headSize } = this.config;
    this.micro.tiles.placeOf.forEach((place, t) => {
      for (let head = 0; head < kvHeads; head++) {
        const row = (Math.floor(place / BLOCK) * kvHeads + head) * BLOCK + (place % BLOCK);
        visit(row * headSize, (t * kvHeads + head) * headSize, headSize);
      }
    });
  }

  /** Rows of tiles [n, kvHeads, Q, headSize] to their tokens; those of empty places belong to none. */
  #scatter({ tiles, feeds }: Run, rows: Float32Array, matrix: Float32Array): void {
    const { kvHeads, headSize } = this.config;
    const { size, places } = this.micro.tiles;
    const group = groupSize(this.config);
    const to = feeds['rows'].data as Int32Array;
    for (let i = 0; i < to.length; i++) {
      const tile = tiles[Math.floor(i / (kvHeads * size * group))];
      const place = tile * size + Math.floor((i % (size * group)) / group);
      if (places[place] < 0) continue;
      matrix.set(rows.subarray(i * headSize, (i + 1) * headSize), to[i] * headSize);
    }
  }

  /** Contributions [n, kvHeads, width * BLOCK, headSize] added to the blocks they are of, tile after tile. */
  #addBlocks({ blocks, width }: Run, contributions: Float32Array, sums: Float32Array): void {
    const { kvHeads, headSize } = this.config;
    const size = BLOCK * headSize;
    blocks.forEach((needed, tile) => {
      for (let head = 0; head < kvHeads; head++) {
        needed.forEach((block, j) => {
          const from = ((tile * kvHeads + head) * width + j) * size;
          const to = (block * kvHeads + head) * size;
          for (let i = 0; i < size; i++) sums[to + i] += contributions[from + i];
        });
      }
    });
  }
}
