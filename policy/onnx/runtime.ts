/** The only file that imports onnxruntime-node. */
// Before onnxruntime-node, which reads the setting when it is loaded.
import './no-telemetry.js';
import * as ort from 'onnxruntime-node';
import type { ElementType, Graph } from './graph.js';
import { serialize } from './serialize.js';

export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor in JavaScript memory; onnxruntime reads and (as a given output) writes it in place, without a copy. */
export interface HostTensor {
  readonly type: ElementType;
  readonly data: TensorData;
  readonly dims: readonly number[];
}

export interface SessionSettings {
  /** Threads of one operator. Results do not depend on it (tested). */
  readonly threads: number;
  /** Plan one block of memory for each set of input shapes. Off where shapes change often: such blocks pile up. */
  readonly planMemory?: boolean;
  /** Keep memory between runs for the next one. Off where many sessions would each keep that of their largest run. */
  readonly keepMemory?: boolean;
}

export class Session {
  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly bound: Readonly<Record<string, ort.Tensor>>,
  ) {}

  static async open(graph: Graph, settings: SessionSettings): Promise<Session> {
    const session = await ort.InferenceSession.create(serialize(graph), {
      executionProviders: ['cpu'],
      intraOpNumThreads: settings.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      enableMemPattern: settings.planMemory ?? true,
      enableCpuMemArena: settings.keepMemory ?? true,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      // Spinning threads take the core of the other engine process; see docs/decisions.
      extra: { session: { intra_op: { allow_spinning: '1' } } },
    });
    const bound = graph.bound.map(({ value: { name, type, shape }, data }) => {
      return [name, toOrt({ type, data, dims: shape as readonly number[] })] as const;
    });
    return new Session(session, Object.fromEntries(bound));
  }

  /** @param into outputs to be written into given memory instead of fresh arrays. */
  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    outputs: readonly string[],
    into: Readonly<Record<string, HostTensor>> = {},
  ): Promise<Record<string, HostTensor>> {
    const inputs: Record<string, ort.Tensor> = { ...this.bound };
    for (const [name, tensor] of Object.entries(feeds)) inputs[name] = toOrt(tensor);
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const name of outputs) fetches[name] = into[name] ? toOrt(into[name]) : null;
    const results = await this.session.run(inputs, fetches);
    return Object.fromEntries(
      outputs.map((name) => {
        const tensor = results[name];
        return [name, { type: tensor.type as ElementType, data: tensor.data as TensorData, dims: tensor.dims }];
      }),
    );
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}

function toOrt({ type, data, dims }: HostTensor): ort.Tensor {
  return new ort.Tensor(type, data as Float32Array, dims);
}

export const floats = (data: Float32Array, dims: readonly number[]): HostTensor => ({ type: 'float32', data, dims });
export const int32s = (data: Int32Array, dims: readonly number[]): HostTensor => ({ type: 'int32', data, dims });
export const int64s = (data: BigInt64Array, dims: readonly number[]): HostTensor => ({ type: 'int64', data, dims });
