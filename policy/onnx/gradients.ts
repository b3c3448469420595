/**
 * Reverse-mode differentiation over a graph: appends the nodes that compute d loss / d value.
 * What an operator needs is in its rule (`gradient-rules.ts`). A composite is a piece of graph with a rule of its own,
 * written by hand where the operators' rules would take more passes over memory.
 */
import { RULES } from './gradient-rules.js';
import { type Graph, GraphDefect, type GraphNode, type Value } from './graph.js';
import { add } from './operators.js';

/** Nodes [from, to) of the graph, differentiated as one operator. */
export interface Composite {
  readonly from: number;
  readonly to: number;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Gradients of the outputs (undefined: does not reach the loss) -> gradients of the inputs, in their order. */
  readonly rule: (outputGradients: readonly (Value | undefined)[]) => readonly (Value | undefined)[];
}

/** Composites of one graph, in the order in which they were built. */
export class Composites {
  readonly #byEnd = new Map<number, Composite>();

  constructor(private readonly g: Graph) {}

  /** @param build adds the nodes and returns the outputs and the rule */
  add(inputs: readonly Value[], build: () => Pick<Composite, 'outputs' | 'rule'>): readonly Value[] {
    const from = this.g.nodes.length;
    const { outputs, rule } = build();
    const to = this.g.nodes.length;
    this.#byEnd.set(to, { from, to, inputs, outputs, rule });
    return outputs;
  }

  endingAt(node: number): Composite | undefined {
    return this.#byEnd.get(node);
  }
}

/**
 * Gradients of the scalar `loss` by each of `wrt`, shaped as they are.
 * Call it before any value is renamed by `Graph.output`.
 * @throws GraphDefect for an operator without a rule on the way, or a value the loss does not depend on
 */
export function gradients(
  g: Graph,
  loss: Value,
  wrt: readonly Value[],
  composites: Composites = new Composites(g),
): Value[] {
  return pulledBack(g, new Map([[loss, g.float(1)]]), wrt, composites);
}

/**
 * The same for a piece of a graph whose loss is computed elsewhere.
 * @param given d loss / d value of the piece's results, shaped as they are
 */
export function pulledBack(
  g: Graph,
  given: ReadonlyMap<Value, Value>,
  wrt: readonly Value[],
  composites: Composites = new Composites(g),
): Value[] {
  const end = g.nodes.length;
  const dependent = dependentOn(g, wrt, composites);
  const found = new Map(given);
  const accumulate = (value: Value | undefined, gradient: Value | undefined): void => {
    if (!value || !gradient || !dependent.has(value)) return;
    const before = found.get(value);
    found.set(value, before ? add(g, before, gradient) : gradient);
  };

  for (let i = end; i > 0;) {
    const composite = composites.endingAt(i);
    if (composite) {
      const given = composite.outputs.map((value) => found.get(value));
      if (given.some((gradient) => gradient) && composite.inputs.some((value) => dependent.has(value))) {
        const results = composite.rule(given);
        composite.inputs.forEach((value, k) => accumulate(value, results[k]));
      }
      i = composite.from;
      continue;
    }
    i -= 1;
    const node = g.nodes[i];
    const given = node.outputs.map((value) => found.get(value));
    const needed = node.inputs.map((value) => value !== undefined && dependent.has(value));
    if (!given.some((gradient) => gradient) || !needed.some((isNeeded) => isNeeded)) continue;
    const rule = RULES[node.opType];
    if (!rule) throw new GraphDefect(`operator ${node.opType} has no gradient rule`);
    const results = rule(g, node, given, needed);
    node.inputs.forEach((value, k) => accumulate(value, results[k]));
  }

  return wrt.map((value) => {
    const gradient = found.get(value);
    if (!gradient) throw new GraphDefect(`the loss does not depend on ${value.name}`);
    return gradient;
  });
}

/** Values on a way from `wrt`. */
function dependentOn(g: Graph, wrt: readonly Value[], composites: Composites): Set<Value> {
  const dependent = new Set(wrt);
  const spread = ({ inputs, outputs }: Pick<GraphNode, 'inputs' | 'outputs'>): void => {
    if (inputs.some((value) => value && dependent.has(value))) outputs.forEach((value) => dependent.add(value));
  };
  g.nodes.forEach((node, i) => {
    spread(node);
    const composite = composites.endingAt(i + 1);
    if (composite) spread(composite);
  });
  return dependent;
}
