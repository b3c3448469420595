/** The only file that imports onnxruntime-node. */
// Before onnxruntime-node, which reads the setting when it is loaded.
import './no-telemetry.js';
import * as ort from 'onnxruntime-node';
import type { ElementType, Graph, Shape } from './graph.js';
import type { HostTensor, TensorData } from './host-tensor.js';
import { serialize } from './serialize.js';

export { floats, type HostTensor, int64s } from './host-tensor.js';

export interface SessionSettings {
  /** Threads of one operator. Results do not depend on it (tested). */
  readonly threads: number;
  /** Plan one block of memory for each set of input shapes. Off where shapes change often: such blocks pile up. */
  readonly planMemory?: boolean;
}

export class Session {
  private constructor(
    private readonly session: ort.InferenceSession,
    readonly inputShapes: ReadonlyMap<string, Shape>,
  ) {}

  static async open(graph: Graph, settings: SessionSettings): Promise<Session> {
    const session = await ort.InferenceSession.create(serialize(graph), {
      executionProviders: ['cpu'],
      intraOpNumThreads: settings.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      enableMemPattern: settings.planMemory ?? true,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      // Spinning threads take the core of the other engine process; see docs/decisions.
      extra: { session: { intra_op: { allow_spinning: '1' } } },
    });
    return new Session(session, new Map(graph.inputs.map(({ name, shape }) => [name, shape])));
  }

  /** @param into outputs to be written into given memory instead of fresh arrays. */
  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    outputs: readonly string[],
    into: Readonly<Record<string, HostTensor>> = {},
  ): Promise<Record<string, HostTensor>> {
    const inputs: Record<string, ort.Tensor> = {};
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
