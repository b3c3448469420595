/** Keeps constant matrices in half precision and widens them where they are used; sums stay in float32. */
import { narrowF16 } from '../../store/safetensors/dtype.js';
import { Graph, type GraphNode, type Initializer, type Value } from './graph.js';
import { cast } from './operators.js';

/**
 * In the graph and its subgraphs. Vectors (norms, biases) and small matrices (masks) are left alone.
 * @param least numbers of a matrix that is not small
 */
export function halfPrecisionWeights(g: Graph, least: number): void {
  const halved = new Map([...halve(g.initializers, least), ...halve(g.bound, least)]);
  g.inputs.forEach((input, i) => (g.inputs[i] = halved.get(input) ?? input));
  widenIn(g, halved);
}

function halve(constants: Initializer[], least: number): (readonly [Value, Value])[] {
  return constants.flatMap(({ value, data }, i) => {
    if (value.shape.length !== 2 || !(data instanceof Float32Array) || data.length < least) return [];
    if (value.name.startsWith('rope')) return []; // positions are told apart by small differences
    const half: Value = { ...value, type: 'float16' };
    constants[i] = { value: half, data: narrowF16(data) };
    return [[value, half] as const];
  });
}

function widenIn(g: Graph, halved: ReadonlyMap<Value, Value>): void {
  for (const node of g.nodes.splice(0)) {
    for (const attribute of Object.values(node.attributes)) {
      if (attribute instanceof Graph) widenIn(attribute, halved);
    }
    const [table] = node.inputs;
    const half = table && halved.get(table);
    if (node.opType === 'Gather' && half) widenRows(g, node, half);
    else {
      const inputs = node.inputs.map((input) => {
        const narrow = input && halved.get(input);
        return narrow ? cast(g, narrow, 'float32') : input;
      });
      g.nodes.push({ ...node, inputs });
    }
  }
}

/** Of a table only the rows that were chosen. */
function widenRows(g: Graph, { inputs, outputs, attributes }: GraphNode, table: Value): void {
  const [{ shape }] = outputs;
  const rows = g.node('Gather', [table, inputs[1]], [{ type: 'float16', shape }], attributes);
  g.nodes.push({ opType: 'Cast', domain: '', inputs: rows, outputs, attributes: { to: 1n } });
}
