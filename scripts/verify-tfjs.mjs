/** One product on TensorFlow.js in the folder named by the argument; prints what it ran on, or fails. */
import { loadTfjs, TENSORFLOW, TFJS } from './load-tfjs.mjs';

/**
 * @typedef {{ dataSync(): Float32Array }} Tensor
 * @typedef {{ tensor2d(rows: number[][]): Tensor, matMul(a: Tensor, b: Tensor): Tensor,
 *   backend(): { isUsingGpuDevice: boolean } }} TensorFlow
 */

const tf = /** @type {TensorFlow} */ (loadTfjs(process.argv[2]));
const matrix = tf.tensor2d([
  [1, 2],
  [3, 4],
]);
const product = [...tf.matMul(matrix, matrix).dataSync()];
if (product.join() !== '7,10,15,22') throw new Error(`[[1, 2], [3, 4]] squared is ${product.join()}`);
console.log(
  `TensorFlow.js ${TFJS} on TensorFlow ${TENSORFLOW}, on the ${tf.backend().isUsingGpuDevice ? 'GPU' : 'CPU'}`,
);
