/** One printed line per thing done: `  packages   installed in 12 s`. */
export function step(/** @type {string} */ subject, /** @type {string} */ outcome) {
  console.log(`  ${subject.padEnd(10)} ${outcome}`);
}

/** Seconds since `start` (of `performance.now()`), for people: `0.8 s`, `2 min 31 s`. */
export function since(/** @type {number} */ start) {
  const seconds = (performance.now() - start) / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return `${String(Math.floor(seconds / 60))} min ${String(Math.round(seconds % 60))} s`;
}

/** Set-up cannot go on; the message says what to do. Printed without a stack. */
export class SetupError extends Error {
  /** @override */
  name = 'SetupError';
}
