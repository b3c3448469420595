/** The two pieces of a layer in which every token is by itself: before attention and after it. Axes: T tokens. */
import { add, rotaryEmbedding, split, squeeze, unsqueeze } from '../../onnx/operators.js';
import type { ModelConfig } from '../../transformer/config.js';
import { linear } from '../../transformer/layers.js';
import { feedForward, projections } from '../forward.js';
import type { Segment } from './segment.js';

/** Hidden states -> queries, keys (both turned to their positions) and values, [T, number of heads * headSize] each. */
export function projectionSegment(config: ModelConfig): Segment {
  const { heads, kvHeads, headSize, hiddenSize } = config;
  const half = headSize / 2;
  return {
    inputs: {
      x: { type: 'float32', shape: ['tokens', hiddenSize], derived: true },
      positions: { type: 'int64', shape: [1, 'tokens'] },
      ropeCos: { type: 'float32', shape: ['positions', half] },
      ropeSin: { type: 'float32', shape: ['positions', half] },
    },
    build(g, input, parameter) {
      const projected = projections(g, config, parameter, 0, input('x'));
      const sizes = [(heads + kvHeads) * headSize, kvHeads * headSize];
      const [turning, values] = split(g, projected, sizes, 1);
      const [positions, cos, sin] = [input('positions'), input('ropeCos'), input('ropeSin')];
      const turned = rotaryEmbedding(g, unsqueeze(g, turning, 0), positions, cos, sin, heads + kvHeads);
      const [queries, keys] = split(g, squeeze(g, turned, 0), [heads * headSize, kvHeads * headSize], 1);
      return { queries, keys, values };
    },
  };
}

/** Hidden states before a layer and what its attention found -> hidden states behind it, [T, hidden]. */
export function feedForwardSegment(config: ModelConfig): Segment {
  const { heads, headSize, hiddenSize } = config;
  return {
    inputs: {
      x: { type: 'float32', shape: ['tokens', hiddenSize], derived: true },
      attended: { type: 'float32', shape: ['tokens', heads * headSize], derived: true },
    },
    build(g, input, parameter) {
      const x = add(g, input('x'), linear(g, config, input('attended'), parameter('layer0.output')));
      return { y: add(g, x, feedForward(g, config, parameter, 0, x)) };
    },
  };
}
