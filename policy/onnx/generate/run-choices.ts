/** What a run of a graph for any kind of run (`decode-graph.ts`) is told, and what stands for the inputs that it has no use for. */
import { floats, type HostTensor, int64s } from '../runtime.js';
import type { ModelConfig } from '../../model/config.js';
import { OWN } from './slots.js';

export interface RunChoices {
  /** The known tokens of a block are computed; nothing is sampled. */
  readonly prefills: boolean;
  /** Rows have prefixes of their own behind those that siblings share. */
  readonly hasOwn: boolean;
  /** A row has top-k or top-p. */
  readonly truncates: boolean;
}

/** The feeds of a run of so many rows that are not there for what it does. */
export function choiceFeeds(
  { layers, kvHeads, headSize }: ModelConfig,
  rows: number,
  { prefills, hasOwn, truncates }: RunChoices,
): Record<string, HostTensor> {
  const noKeys = floats(new Float32Array(0), [rows, 1, kvHeads, 1, 0, headSize]);
  const noOwn = Object.fromEntries(
    Array.from({ length: layers }, (_, i) => [`${OWN.keys}${i}`, `${OWN.values}${i}`])
      .flat()
      .map((name) => [name, noKeys]),
  );
  return {
    prefills: flag(prefills),
    hasOwn: flag(hasOwn),
    truncates: flag(truncates),
    ...(!hasOwn && { ownMask: floats(new Float32Array(0), [rows, 1, 1, 0]), ...noOwn }),
    ...(!truncates && {
      topK: int64s(new BigInt64Array(rows), [rows, 1]),
      topP: floats(new Float32Array(rows).fill(1), [rows, 1]),
      candidates: int64s(BigInt64Array.of(1n), [1]),
    }),
  };
}

/** The inputs of sampling, for a run that only prefills. */
export function nothingToSample(
  { layers, kvHeads, headSize }: ModelConfig,
  chunk: number,
  rows: number,
): Record<string, HostTensor> {
  const noKeys = floats(new Float32Array(0), [rows, kvHeads, 0, headSize]);
  return {
    steps: int64s(BigInt64Array.of(1n), []),
    first: int64s(BigInt64Array.of(0n), []),
    known: int64s(new BigInt64Array((chunk + 1) * rows), [chunk + 1, rows]),
    uniforms: floats(new Float32Array(chunk * rows), [chunk, rows]),
    temperature: floats(new Float32Array(rows).fill(1), [rows, 1]),
    budget: int64s(new BigInt64Array(rows), [rows]),
    stopIds: int64s(new BigInt64Array(rows), [rows, 1]),
    ...Object.fromEntries(
      Array.from({ length: layers }, (_, i) => [`chunkKeys${i}`, `chunkValues${i}`])
        .flat()
        .map((name) => [name, noKeys]),
    ),
  };
}

const flag = (value: boolean): HostTensor => ({ type: 'bool', data: Uint8Array.of(Number(value)), dims: [] });
