/** The only file that imports onnxruntime-node. */
// Before onnxruntime-node, which reads the setting when it is loaded.
import './no-telemetry.js';
import * as ort from 'onnxruntime-node';
import { type Limits, LIMITS } from '../limits.js';
import type { ElementType, Graph, Initializer } from './graph.js';
import { halfPrecisionWeights } from './half-precision-weights.js';
import type { HostTensor, TensorData } from './host-tensor.js';
import { plainOperators } from './plain-operators.js';
import { ProviderUnavailable } from './provider-unavailable.js';
import { serialize } from './serialize.js';

export { floats, type HostTensor, int64s } from './host-tensor.js';

/** What computes: onnxruntime's execution providers. Operators that one lacks are left to the CPU. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

export interface SessionSettings {
  /** Left out: cpu. */
  readonly provider?: Provider;
  /** How constant matrices are held; left out: fp32. */
  readonly weights?: 'fp32' | 'fp16';
  /** Threads of one operator. Results do not depend on it (tested). */
  readonly threads: number;
  /** Plan one block of memory for each set of input shapes. Off where shapes change often: such blocks pile up. */
  readonly planMemory?: boolean;
  /** Keep memory between runs for the next one. Off where many sessions would each keep that of their largest run. */
  readonly keepMemory?: boolean;
  /** Transpose where the graph says so, instead of within the products that take the result. */
  readonly keepTransposes?: boolean;
  /** Beginning of the name of a file in which every node's provider and time is found once the session is closed. */
  readonly profile?: string;
  /** Of sessions, and of what uses them; left out: `LIMITS`. */
  readonly limits?: Limits;
}

export class Session {
  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly bound: Readonly<Record<string, ort.Tensor>>,
    private readonly provider: Provider,
  ) {}

  /** Whether inputs may have a dimension of 0; WebGPU's runtime crashes on them. */
  get takesEmptyInputs(): boolean {
    return this.provider === 'cpu';
  }

  /** @throws ProviderUnavailable */
  static async open(graph: Graph, settings: SessionSettings): Promise<Session> {
    const provider = settings.provider ?? 'cpu';
    const { constantsBeside, halvedMatrix } = (settings.limits ?? LIMITS).sessions;
    if (provider === 'webgpu') plainOperators(graph);
    if (settings.weights === 'fp16') halfPrecisionWeights(graph, halvedMatrix);
    const external = [...(provider === 'cpu' ? [] : unbind(graph)), ...takeLargeConstants(graph, constantsBeside)];
    const refused = refusedOptimizers(settings);
    const options: ort.InferenceSession.SessionOptions = {
      externalData: external.map(({ value: { name }, data }) => ({
        path: name,
        data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      })),
      executionProviders: [provider],
      intraOpNumThreads: settings.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      enableMemPattern: settings.planMemory ?? true,
      enableCpuMemArena: settings.keepMemory ?? true,
      ...(settings.profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: settings.profile }),
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      extra: {
        // A thread that waits for work in a loop starts at once, but may only while its session runs: each session has threads
        // of its own, and those of the session before would take the cores of this one's.
        session: { intra_op: { allow_spinning: '1' }, force_spinning_stop: '1' },
        ...(refused.length > 0 ? { optimization: { disable_specified_optimizers: refused.join(';') } } : {}),
      },
    };
    const session = await ort.InferenceSession.create(serialize(graph, external), options).catch((error: unknown) => {
      throw provider === 'cpu' ? error : new ProviderUnavailable(provider, (error as Error).message);
    });
    const bound = graph.bound.map(({ value: { name, type, shape }, data }) => {
      return [name, toOrt({ type, data, dims: shape as readonly number[] })] as const;
    });
    return new Session(session, Object.fromEntries(bound), provider);
  }

  /** @param into outputs to be written into given memory instead of fresh arrays. @throws what onnxruntime says, from the caller's place */
  async run(
    feeds: Readonly<Record<string, HostTensor>>,
    outputs: readonly string[],
    into: Readonly<Record<string, HostTensor>> = {},
  ): Promise<Record<string, HostTensor>> {
    const inputs: Record<string, ort.Tensor> = { ...this.bound };
    for (const [name, tensor] of Object.entries(feeds)) inputs[name] = toOrt(tensor);
    const fetches: Record<string, ort.Tensor | null> = {};
    for (const name of outputs) fetches[name] = into[name] ? toOrt(into[name]) : null;
    let results: ort.InferenceSession.ReturnType;
    try {
      results = await this.session.run(inputs, fetches);
    } catch (error) {
      // onnxruntime's own come from a callback of its: this one tells who ran the session.
      const failure = new Error(error instanceof Error ? error.message : String(error), { cause: error });
      // eslint-disable-next-line @typescript-eslint/unbound-method -- it is not called: the frames down to it are left out
      Error.captureStackTrace(failure, this.run);
      throw failure;
    }
    return Object.fromEntries(
      outputs.map((name) => {
        const tensor = results[name];
        return [name, { type: tensor.type as ElementType, data: tensor.data as TensorData, dims: tensor.dims }];
      }),
    );
  }

  async close(): Promise<void> {
    this.session.endProfiling();
    await this.session.release();
  }
}

/** onnxruntime's optimizers that would undo what the settings ask for. */
function refusedOptimizers({ weights, keepTransposes }: SessionSettings): string[] {
  return [
    // It would widen half-precision weights again and keep them so.
    ...(weights === 'fp16' ? ['ConstantFolding'] : []),
    ...(keepTransposes ? ['GemmTransposeFusion', 'MatmulTransposeFusion', 'TransposeOptimizer'] : []),
  ];
}

/** @param bytes of the smallest that is given beside the model's bytes */
function takeLargeConstants({ initializers }: Graph, bytes: number): Initializer[] {
  const isLarge = ({ data }: Initializer): boolean => data.byteLength >= bytes;
  const large = initializers.filter(isLarge);
  initializers.splice(0, Infinity, ...initializers.filter((one) => !isLarge(one)));
  return large;
}

/** Bound inputs as constants: another device than the CPU is to get them once, and not in each run. */
function unbind({ inputs, bound }: Graph): Initializer[] {
  const constants = bound.splice(0);
  const values = new Set(constants.map(({ value }) => value));
  inputs.splice(0, Infinity, ...inputs.filter((input) => !values.has(input)));
  return constants;
}

function toOrt({ type, data, dims }: HostTensor): ort.Tensor {
  return new ort.Tensor(type, data as Float32Array, dims);
}
