/** Tables of the rotary embedding: cos and sin of each position's angles. */
import { floats, type HostTensor, int64s } from '../onnx/host-tensor.js';
import type { Rows } from '../onnx/rows.js';
import type { ModelConfig } from './config.js';
import { ropeFrequencies } from './rope-frequencies.js';

/** [positions, headSize / 2] each. */
export interface RopeTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** Of the first positions. */
export function ropeTables(config: ModelConfig, positions: number): RopeTables {
  const half = config.headSize / 2;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (const [i, frequency] of ropeFrequencies(config).entries()) {
    for (let p = 0; p < positions; p++) {
      const angle = Math.fround(p * frequency);
      cos[p * half + i] = Math.cos(angle);
      sin[p * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

/** Places of some tokens in the tables of that many positions, and the tables, as inputs of a graph. */
export function ropeFeeds(
  config: ModelConfig,
  positions: number,
  places: BigInt64Array,
): (tokens: Rows) => Record<'positions' | 'ropeCos' | 'ropeSin', HostTensor> {
  const { cos, sin } = ropeTables(config, positions);
  const dims = [positions, config.headSize / 2];
  return ({ from, to }) => ({
    positions: int64s(places.subarray(from, to), [1, to - from]),
    ropeCos: floats(cos, dims),
    ropeSin: floats(sin, dims),
  });
}

let latest: { readonly key: string; readonly tables: RopeTables } | undefined;

/** Of all positions that the model has: one copy for all sessions of a policy, and of the next one of the same run. */
export function sharedRopeTables(config: ModelConfig): RopeTables {
  const { headSize, ropeTheta, ropeScaling, maxPositions } = config;
  const key = JSON.stringify([headSize, ropeTheta, ropeScaling, maxPositions]);
  if (latest?.key !== key) latest = { key, tables: ropeTables(config, maxPositions) };
  return latest.tables;
}
