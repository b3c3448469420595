/** The parts of a model that every graph (decode, prefill, score, learn) shares. */
import type { Graph, Value } from '../graph.js';
import { add, concat, gather, matMul, mul, reshape, rmsNorm, rotaryEmbedding, silu, split } from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import { hasLargeWeights } from '../../model/large.js';
import { type ParameterValues, rowsOf } from './parameter-values.js';
import { sharedRopeTables } from '../../model/rope-tables.js';

/** x [..., in] times a projection's weights, whichever way they are laid out (`parameters.ts`) -> [..., out]. */
export function linear(g: Graph, config: ModelConfig, x: Value, weight: Value): Value {
  return matMul(g, x, weight, { transB: hasLargeWeights(config) });
}

/** Normed hidden states [..., hidden] -> logits [..., vocab]. */
export function headOf(g: Graph, config: ModelConfig, parameter: ParameterValues, h: Value): Value {
  return config.tiedHead
    ? matMul(g, h, parameter('embedding'), { transB: true })
    : linear(g, config, h, parameter('head'));
}

export interface Rope {
  readonly cos: Value;
  readonly sin: Value;
}

/** For every position of the model. All sessions share the tables: 64 MiB of a model with 131,072 positions. */
export function ropeConstants(g: Graph, config: ModelConfig): Rope {
  const shape = [config.maxPositions, config.headSize / 2];
  const { cos, sin } = sharedRopeTables(config);
  return { cos: g.boundInput('ropeCos', 'float32', shape, cos), sin: g.boundInput('ropeSin', 'float32', shape, sin) };
}

export function embed(g: Graph, parameter: ParameterValues, tokens: Value): Value {
  return gather(g, parameter('embedding'), tokens);
}

/** x [B, T, hidden] -> q [B, T, heads * headSize], k and v [B, T, kvHeads * headSize]; q and k rotated. */
export function queriesKeysValues(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  rope: Rope,
  layer: number,
  x: Value,
  positions: Value /* [B, T] */,
): [Value, Value, Value] {
  const [h] = rmsNorm(g, x, parameter(`layer${layer}.inputNorm`), config.rmsNormEps);
  const product = linear(g, config, h, parameter(`layer${layer}.qkv`));
  const qkv = config.qkvBias ? add(g, product, parameter(`layer${layer}.qkvBias`)) : product;
  const axis = x.shape.length - 1;
  const rotated = (config.heads + config.kvHeads) * config.headSize;
  const [qk, v] = split(g, qkv, [rotated, config.kvHeads * config.headSize], axis) as [Value, Value];
  const normed = config.qkNorm ? normaliseHeads(g, config, parameter, layer, qk) : qk;
  const turned = rotaryEmbedding(g, normed, positions, rope.cos, rope.sin, config.heads + config.kvHeads);
  const [q, k] = split(g, turned, [config.heads * config.headSize, config.kvHeads * config.headSize], axis) as [
    Value,
    Value,
  ];
  return [q, k, v];
}

/** RMS norm of each head of queries and keys, [..., (heads + kvHeads) * headSize]. */
export function normaliseHeads(
  g: Graph,
  { heads, kvHeads, headSize, rmsNormEps }: ModelConfig,
  parameter: ParameterValues,
  layer: number,
  qk: Value,
): Value {
  const axis = qk.shape.length - 1;
  const before = qk.shape.slice(0, axis);
  const keepBefore = before.map(() => 0);
  const parts = split(g, qk, [heads * headSize, kvHeads * headSize], axis);
  const normed = parts.map((x, i) => {
    const [count, norm] = i === 0 ? [heads, 'queryNorm'] : [kvHeads, 'keyNorm'];
    const byHead = reshape(g, x, [...keepBefore, count, headSize], [...before, count, headSize]);
    const [y] = rmsNorm(g, byHead, parameter(`layer${layer}.${norm}`), rmsNormEps);
    return reshape(g, y, [...keepBefore, count * headSize], x.shape);
  });
  return concat(g, normed, axis, (heads + kvHeads) * headSize);
}

/** Output projection of the attention, residual, feed-forward network, residual. */
export function outputAndFeedForward(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  layer: number,
  x: Value,
  attended: Value /* as x, heads * headSize wide */,
): Value {
  const y = add(g, x, linear(g, config, attended, parameter(`layer${layer}.output`)));
  const [h] = rmsNorm(g, y, parameter(`layer${layer}.postNorm`), config.rmsNormEps);
  const [gate, up] = gateAndUp(g, config, parameter, layer, h);
  return add(g, y, linear(g, config, mul(g, silu(g, gate), up), parameter(`layer${layer}.down`)));
}

/** Final norm and output head: [..., hidden] -> [..., vocab]. */
export function logits(g: Graph, config: ModelConfig, parameter: ParameterValues, x: Value): Value {
  const [h] = rmsNorm(g, x, parameter('finalNorm'), config.rmsNormEps);
  return headOf(g, config, parameter, h);
}

/** Each as a product of its own, which spares a copy of both. -> [..., intermediate] */
export function gateAndUp(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  layer: number,
  h: Value,
): [Value, Value] {
  const [gate, up] = halvesOfGateUp(g, config, parameter, `layer${layer}.gateUp`);
  return [linear(g, config, h, gate), linear(g, config, h, up)];
}

/** Halves by columns are no piece of memory: constants are cut when the session is opened, inputs are copied. */
function halvesOfGateUp(g: Graph, config: ModelConfig, parameter: ParameterValues, name: string): [Value, Value] {
  const { intermediateSize: size } = config;
  if (hasLargeWeights(config)) return [parameter(rowsOf(name, 0, size)), parameter(rowsOf(name, size, 2 * size))];
  return split(g, parameter(name), [size, size], 1) as [Value, Value];
}
