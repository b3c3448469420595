/** Tells eslint-plugin-boundaries which file `./x.js` means: `./x.ts` beside it, as TypeScript does. */
const { existsSync } = require('node:fs');
const path = require('node:path');

exports.interfaceVersion = 2;

exports.resolve = (/** @type {string} */ source, /** @type {string} */ importer) => {
  if (!source.startsWith('.')) return { found: false };
  const target = path.resolve(path.dirname(importer), source);
  const file = [target.replace(/js$/, 'ts'), target].find(existsSync);
  return file === undefined ? { found: false } : { found: true, path: file };
};
