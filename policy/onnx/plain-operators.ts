/** Says with standard operators what only the CPU provider has, or has right. */
import { Graph, type GraphNode, type Value } from './graph.js';
import { add, mul, reduceSum, sqrt, transpose } from './operators.js';

/** In the graph and its subgraphs. Values keep their names. */
export function plainOperators(g: Graph, used = usedNames(g)): void {
  for (const node of g.nodes.splice(0)) {
    for (const attribute of Object.values(node.attributes)) {
      if (attribute instanceof Graph) plainOperators(attribute, used);
    }
    const rewrite = REWRITES[node.opType];
    if (rewrite) rewrite(g, node, used);
    else g.nodes.push(node);
  }
}

const REWRITES: Readonly<Record<string, (g: Graph, node: GraphNode, used: ReadonlySet<string>) => void>> = {
  /** -> Transpose, MatMul, Mul: WebGPU has no kernel for it. */
  FusedMatMul(g, { inputs, outputs, attributes }) {
    const [a, b] = inputs as readonly [Value, Value];
    const left = attributes['transA'] === 1n ? swapped(g, a) : a;
    const right = attributes['transB'] === 1n ? swapped(g, b) : b;
    const alpha = attributes['alpha'] as number;
    const [{ type, shape }] = outputs;
    const product = alpha === 1 ? outputs : g.node('MatMul', [left, right], [{ type, shape }]);
    if (alpha === 1) push(g, 'MatMul', [left, right], product);
    else push(g, 'Mul', [product[0], g.float(alpha)], outputs);
  },

  /** Without its second output, 1 / deviation, which WebGPU gets wrong: computed from the input where it is used. */
  SimplifiedLayerNormalization(g, node, used) {
    const [y, inverse] = node.outputs;
    g.nodes.push({ ...node, outputs: [y] });
    if (!used.has(inverse.name)) return;
    const x = node.inputs[0]!;
    const last = x.shape.length - 1;
    const squares = reduceSum(g, mul(g, x, x), [last], true);
    const mean = mul(g, squares, g.float(1 / (x.shape[last] as number)));
    const deviation = sqrt(g, add(g, mean, g.float(node.attributes['epsilon'] as number)));
    push(g, 'Div', [g.float(1), deviation], [inverse]);
  },
};

function push(g: Graph, opType: string, inputs: readonly Value[], outputs: readonly Value[]): void {
  g.nodes.push({ opType, domain: '', inputs, outputs, attributes: {} });
}

/** The last two axes. */
function swapped(g: Graph, x: Value): Value {
  const last = x.shape.length - 1;
  return transpose(
    g,
    x,
    x.shape.map((_, i) => (i === last ? last - 1 : i === last - 1 ? last : i)),
  );
}

/** Names that a node takes or that leave the graph. */
function usedNames(g: Graph): Set<string> {
  const names = new Set(g.outputs.map(({ name }) => name));
  for (const { inputs, attributes } of g.nodes) {
    for (const input of inputs) if (input) names.add(input.name);
    for (const attribute of Object.values(attributes)) {
      if (attribute instanceof Graph) for (const name of usedNames(attribute)) names.add(name);
    }
  }
  return names;
}
