/** The only file that imports onnxruntime-node. */
// Before onnxruntime-node, which reads the setting when it is loaded.
import './no-telemetry.js';
import * as ort from 'onnxruntime-node';
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
    if (provider === 'webgpu') plainOperators(graph);
    if (settings.weights === 'fp16') halfPrecisionWeights(graph);
    const external = [...(provider === 'cpu' ? [] : unbind(graph)), ...takeLargeConstants(graph)];
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
        // Spinning threads take the core of the other engine process; see docs/decisions.
        session: { intra_op: { allow_spinning: '1' } },
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

/** Constants from this many bytes on are given beside the model's bytes: within them they would be there several times. */
const LARGE_CONSTANT = 16_384;

function takeLargeConstants({ initializers }: Graph): Initializer[] {
  const isLarge = ({ data }: Initializer): boolean => data.byteLength >= LARGE_CONSTANT;
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
