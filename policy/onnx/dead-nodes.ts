/** Takes out nodes and constants that no output needs: onnxruntime would compute them. */
import type { Graph, GraphNode, Value } from './graph.js';

export function dropDeadNodes(g: Graph): void {
  const needed = new Set<Value>(g.outputs);
  const alive: GraphNode[] = [];
  for (const node of g.nodes.toReversed()) {
    if (!node.outputs.some((value) => needed.has(value))) continue;
    alive.push(node);
    node.inputs.forEach((value) => value && needed.add(value));
  }
  g.nodes.splice(0, Infinity, ...alive.reverse());
  const initializers = g.initializers.filter(({ value }) => needed.has(value));
  g.initializers.splice(0, Infinity, ...initializers);
}
