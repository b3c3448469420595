/** The graphs of all pieces, each opened when first needed, and run with the weights of one layer. */
import { LIMITS } from '../../../limits.js';
import { type HostTensor, Session, type SessionSettings } from '../../runtime.js';
import { SessionPool } from '../../session-pool.js';
import type { ModelConfig } from '../../../model/config.js';
import { inLayer, parameterTensors } from '../../transformer/parameter-values.js';
import type { Weights } from '../../../model/parameters.js';
import { gradientOf, sumBefore, type TrainingGoal } from '../training-graph.js';
import { attentionGradientGraph, attentionGraph } from './attention-graphs.js';
import { headGraph } from './head-graph.js';
import { backwardGraph, forwardGraph, type SegmentGraph } from './segment.js';
import {
  contractionSegment,
  expansionSegment,
  outputSegment,
  projectionSegment,
  rotationSegment,
} from './token-segments.js';

type Feeds = Readonly<Record<string, HostTensor>>;

const SEGMENTS = {
  projection: projectionSegment,
  rotation: rotationSegment,
  output: outputSegment,
  expansion: expansionSegment,
  contraction: contractionSegment,
};
type SegmentName = keyof typeof SEGMENTS;
export type PieceName = SegmentName | `${SegmentName} gradient` | 'attention' | 'attention gradient';

function graphOf(config: ModelConfig, name: PieceName, gradientRows: number): SegmentGraph {
  if (name === 'attention') return { graph: attentionGraph(config), parameters: [], sums: [] };
  if (name === 'attention gradient') return { graph: attentionGradientGraph(config), parameters: [], sums: [] };
  const [segment, gradient] = name.split(' ') as [SegmentName, string?];
  const piece = SEGMENTS[segment](config);
  return gradient ? backwardGraph(config, piece, gradientRows) : forwardGraph(config, piece);
}

interface Opened extends Pick<SegmentGraph, 'parameters' | 'sums'> {
  readonly session: Session;
}

export class SegmentSessions {
  readonly #opened = new SessionPool<Opened>();
  readonly #tensor: ReturnType<typeof parameterTensors>;
  readonly #gradientRows: number;

  /** @param gradient of the parameters; every run of a gradient adds to it */
  constructor(
    private readonly config: ModelConfig,
    private readonly settings: SessionSettings,
    private readonly gradient: Weights,
  ) {
    this.#tensor = parameterTensors(config);
    this.#gradientRows = (settings.limits ?? LIMITS).learn.segments.gradientRows;
  }

  /**
   * @param name of a graph; @param layer whose weights it gets
   * @param into memory for outputs; @param further outputs that are returned
   */
  async run(
    name: PieceName,
    weights: Weights,
    layer: number,
    feeds: Feeds,
    into: Feeds,
    further: readonly string[] = [],
  ): Promise<Record<string, HostTensor>> {
    const opened = await this.#open(name, () => graphOf(this.config, name, this.#gradientRows));
    return this.#run(opened, weights, layer, feeds, into, further);
  }

  /** As `run`, of the head's graph for this goal. */
  async runHead(
    goal: TrainingGoal,
    temperature: number,
    weights: Weights,
    feeds: Feeds,
    into: Feeds,
    further: readonly string[],
  ): Promise<Record<string, HostTensor>> {
    const name = `head ${JSON.stringify([goal, temperature])}`;
    const opened = await this.#open(name, () => {
      return headGraph(this.config, goal, temperature, this.#gradientRows);
    });
    return this.#run(opened, weights, 0, feeds, into, further);
  }

  close(): Promise<void> {
    return this.#opened.close();
  }

  #open(name: string, build: () => SegmentGraph): Promise<Opened> {
    return this.#opened.of(name, async () => {
      const { graph, parameters, sums } = build();
      // With an arena every session would keep the memory of its largest run: these share what the process keeps.
      const settings = { ...this.settings, planMemory: false, keepMemory: false, keepTransposes: true };
      return { session: await Session.open(graph, settings), parameters, sums };
    });
  }

  #run(
    { session, parameters, sums }: Opened,
    weights: Weights,
    layer: number,
    feeds: Feeds,
    into: Feeds,
    further: readonly string[],
  ): Promise<Record<string, HostTensor>> {
    const inputs: Record<string, HostTensor> = { ...feeds };
    const outputs: Record<string, HostTensor> = { ...into };
    for (const parameter of parameters) inputs[parameter] = this.#tensor(weights, inLayer(layer, parameter));
    for (const parameter of sums) {
      const sum = this.#tensor(this.gradient, inLayer(layer, parameter));
      inputs[sumBefore(parameter)] = sum;
      outputs[gradientOf(parameter)] = sum;
    }
    return session.run(inputs, [...further, ...Object.keys(outputs)], outputs);
  }
}
