/**
 * The pieces of a layer in which every token is by itself, before attention and after it. Axes: T tokens. Norms' scales go
 * on activations, which are fewer than weights for that many tokens.
 */
import type { Value } from '../../graph.js';
import { add, mul, rmsNorm, rotaryEmbedding, silu, split, squeeze, unsqueeze } from '../../operators.js';
import { type ModelConfig, qkvSize } from '../../../model/config.js';
import { gateAndUp, linear, normaliseHeads } from '../../transformer/layers.js';
import type { Segment, SegmentInput } from './segment.js';

const matrix = (width: number, derived?: SegmentInput['derived']): SegmentInput => ({
  type: 'float32',
  shape: ['tokens', width],
  ...(derived && { derived }),
});

/** Hidden states -> `projected` queries, keys and values, [T, (heads + 2 kvHeads) * headSize]. */
export function projectionSegment(config: ModelConfig): Segment {
  return {
    inputs: { x: matrix(config.hiddenSize, 'with beside') },
    build(g, input, parameter) {
      const [h] = rmsNorm(g, input('x'), parameter('layer0.inputNorm'), config.rmsNormEps);
      const product = linear(g, config, h, parameter('layer0.qkv'));
      return { projected: config.qkvBias ? add(g, product, parameter('layer0.qkvBias')) : product };
    },
  };
}

/** -> queries, keys (both turned to their positions) and values, [T, number of heads * headSize] each. */
export function rotationSegment(config: ModelConfig): Segment {
  const { heads, kvHeads, headSize } = config;
  const half = headSize / 2;
  return {
    inputs: {
      projected: matrix(qkvSize(config), 'alone'),
      positions: { type: 'int64', shape: [1, 'tokens'] },
      ropeCos: { type: 'float32', shape: ['positions', half] },
      ropeSin: { type: 'float32', shape: ['positions', half] },
    },
    build(g, input, parameter) {
      const sizes = [(heads + kvHeads) * headSize, kvHeads * headSize];
      const [both, values] = split(g, input('projected'), sizes, 1) as [Value, Value];
      const turning = config.qkNorm ? normaliseHeads(g, config, parameter, 0, both) : both;
      const [positions, cos, sin] = [input('positions'), input('ropeCos'), input('ropeSin')];
      const turned = rotaryEmbedding(g, unsqueeze(g, turning, 0), positions, cos, sin, heads + kvHeads);
      const [queries, keys] = split(g, squeeze(g, turned, 0), [heads * headSize, kvHeads * headSize], 1);
      return { queries, keys, values };
    },
  };
}

/** Hidden states before a layer and what its attention found -> `mid`, the hidden states behind attention, [T, hidden]. */
export function outputSegment(config: ModelConfig): Segment {
  const { heads, headSize, hiddenSize } = config;
  return {
    // The gradient of x is that of `mid`.
    inputs: { x: matrix(hiddenSize), attended: matrix(heads * headSize, 'alone') },
    build(g, input, parameter) {
      return { mid: add(g, input('x'), linear(g, config, input('attended'), parameter('layer0.output'))) };
    },
  };
}

/** -> `gate` and `up`, [T, intermediate] each. */
export function expansionSegment(config: ModelConfig): Segment {
  return {
    inputs: { mid: matrix(config.hiddenSize, 'with beside') },
    build(g, input, parameter) {
      const [h] = rmsNorm(g, input('mid'), parameter('layer0.postNorm'), config.rmsNormEps);
      const [gate, up] = gateAndUp(g, config, parameter, 0, h);
      return { gate, up };
    },
  };
}

/** -> hidden states behind the layer, `y` [T, hidden]. */
export function contractionSegment(config: ModelConfig): Segment {
  const { hiddenSize, intermediateSize } = config;
  return {
    // The gradient of `mid` is that of y.
    inputs: {
      mid: matrix(hiddenSize),
      gate: matrix(intermediateSize, 'alone'),
      up: matrix(intermediateSize, 'alone'),
    },
    build(g, input, parameter) {
      const h = mul(g, silu(g, input('gate')), input('up'));
      return { y: add(g, input('mid'), linear(g, config, h, parameter('layer0.down'))) };
    },
  };
}
