/** TensorFlow.js as `npm run setup:tfjs` left it: where it is, and how it is loaded. Used by set-up and by the learner. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { cacheFolder } from './cache.mjs';

/** Last release of the package; its own library is too old for today's GPUs, so that it runs on a newer TensorFlow. */
export const TFJS = '4.22.0';
export const TENSORFLOW = '2.21.0';

/** The second also runs where there is no GPU. */
export const VARIANTS = /** @type {const} */ (['cpu', 'gpu']);

/** @typedef {typeof VARIANTS[number]} Variant */

/** Where a variant of these versions is put. */
export function tfjsFolder(/** @type {Variant} */ variant, /** @type {NodeJS.ProcessEnv} */ env = process.env) {
  return join(cacheFolder(env), 'tfjs', `${variant}-${TFJS}-${TENSORFLOW}`);
}

/** The variant for GPUs where both are there; undefined: none is. */
export function findTfjs(/** @type {NodeJS.ProcessEnv} */ env = process.env) {
  return VARIANTS.map((variant) => tfjsFolder(variant, env)).findLast((folder) => existsSync(folder));
}

/** Whether what is set up computes on a GPU where there is one. @param folder from `findTfjs` */
export function takesGpu(/** @type {string} */ folder) {
  return basename(folder).startsWith('gpu-');
}

/** @returns {unknown} the package `@tensorflow/tfjs-node-gpu` */
export function loadTfjs(/** @type {string} */ folder) {
  const require = createRequire(join(folder, 'package.json'));
  // It calls two functions that Node 23 removed.
  const util = /** @type {Record<string, unknown>} */ (require('node:util'));
  util.isNullOrUndefined ??= (/** @type {unknown} */ value) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
  return require('@tensorflow/tfjs-node-gpu');
}
