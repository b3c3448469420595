/**
 * AdamW on a block of floats, two at a time, in WebAssembly: JavaScript has no vectors. Every operation is one of doubles, in
 * the order of a loop in JavaScript, so that the bits are the same.
 */
import wabt from 'wabt';

/** Parameters per block: its four arrays stay in the processor's cache. */
const BLOCK = 4096;

/** Everything of a step but the tensors. */
export interface StepFactors {
  /** On the gradient. */
  readonly scale: number;
  readonly beta1: number;
  readonly beta2: number;
  /** 1 - beta1, 1 - beta2. */
  readonly rest1: number;
  readonly rest2: number;
  /** On the weight: 1 - learning rate x weight decay. */
  readonly keep: number;
  /** The learning rate over the first moment's bias correction. */
  readonly stepSize: number;
  /** One over the root of the second moment's bias correction. */
  readonly deviationScale: number;
  readonly eps: number;
}

const FACTORS = ['scale', 'beta1', 'rest1', 'beta2', 'rest2', 'keep', 'stepSize', 'deviationScale', 'eps'] as const;

const ARRAYS = ['weight', 'gradient', 'first', 'second'] as const;
type ArrayName = (typeof ARRAYS)[number];

const placeOf = (array: ArrayName): number => ARRAYS.indexOf(array) * BLOCK * Float32Array.BYTES_PER_ELEMENT;
const load = (array: ArrayName): string =>
  `(f64x2.promote_low_f32x4 (v128.load64_zero offset=${placeOf(array)} (local.get $at)))`;
const store = (array: ArrayName, value: string): string =>
  `(v128.store64_lane offset=${placeOf(array)} 0 (local.get $at) (f32x4.demote_f64x2_zero ${value}))`;
const factor = (name: keyof StepFactors): string => `(local.get $${name}x2)`;

/** `(step count ...factors)`: a step of the first `count` entries; an odd one takes its neighbour along. */
const TEXT = `
(module
  (memory (export "memory") ${Math.ceil((ARRAYS.length * BLOCK * Float32Array.BYTES_PER_ELEMENT) / 2 ** 16)})
  (func (export "step") (param $count i32) ${FACTORS.map((name) => `(param $${name} f64)`).join(' ')}
    ${FACTORS.map((name) => `(local $${name}x2 v128)`).join(' ')}
    (local $at i32) (local $end i32) (local $d v128) (local $m v128) (local $v v128)
    ${FACTORS.map((name) => `(local.set $${name}x2 (f64x2.splat (local.get $${name})))`).join('\n    ')}
    (local.set $end (i32.shl (local.get $count) (i32.const 2)))
    (loop $pairs
      (local.set $d (f64x2.mul ${load('gradient')} ${factor('scale')}))
      (local.set $m (f64x2.add
        (f64x2.mul ${factor('beta1')} ${load('first')})
        (f64x2.mul ${factor('rest1')} (local.get $d))))
      (local.set $v (f64x2.add
        (f64x2.mul ${factor('beta2')} ${load('second')})
        (f64x2.mul (f64x2.mul ${factor('rest2')} (local.get $d)) (local.get $d))))
      ${store('first', '(local.get $m)')}
      ${store('second', '(local.get $v)')}
      ${store(
        'weight',
        `(f64x2.sub
        (f64x2.mul ${load('weight')} ${factor('keep')})
        (f64x2.div
          (f64x2.mul ${factor('stepSize')} (local.get $m))
          (f64x2.add (f64x2.mul (f64x2.sqrt (local.get $v)) ${factor('deviationScale')}) ${factor('eps')})))`,
      )}
      (br_if $pairs (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))))
`;

/** Changes `weight`, `first` and `second` in place; all four have one length. */
export type StepKernel = (tensors: Readonly<Record<ArrayName, Float32Array>>, factors: StepFactors) => void;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly step: (count: number, ...factors: number[]) => void;
}

/** The types of Node have none of it, those of browsers much else. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array): Promise<{ readonly instance: { readonly exports: unknown } }>;
};

async function compile(): Promise<StepKernel> {
  const text = (await wabt()).parseWat('adamw', TEXT);
  const { instance } = await WebAssembly.instantiate(text.toBinary({}).buffer);
  text.destroy();
  const { memory, step } = instance.exports as Exports;
  const blocks = ARRAYS.map((name) => [name, new Float32Array(memory.buffer, placeOf(name), BLOCK)] as const);
  return (tensors, factors) => {
    const numbers = FACTORS.map((name) => factors[name]);
    for (let from = 0; from < tensors.weight.length; from += BLOCK) {
      const count = Math.min(BLOCK, tensors.weight.length - from);
      for (const [name, block] of blocks) block.set(tensors[name].subarray(from, from + count));
      step(count, ...numbers);
      for (const [name, block] of blocks) if (name !== 'gradient') tensors[name].set(block.subarray(0, count), from);
    }
  };
}

let kernel: Promise<StepKernel> | undefined;

/** Compiled once per process. */
export function stepKernel(): Promise<StepKernel> {
  return (kernel ??= compile());
}
