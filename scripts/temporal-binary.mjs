/** Where a Temporal CLI (it contains the dev server) may lie on this machine. Used by set-up and by the `attnrl` command. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder } from './cache.mjs';

/** Oldest server we use: activity summaries, current details and updates need no flags from here on. */
const MINIMUM_SERVER = [1, 28];

/** Reading the executable (250 MB) from a slow disk of a busy machine has taken 20 s. */
const VERSION_LIMIT_MS = 60_000;

const executable = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/**
 * @typedef {{ path: string, server: string }} TemporalBinary
 * @typedef {{ place: string, found: TemporalBinary } | { place: string, found?: undefined, reason: string }} Attempt
 */

/** Where set-up puts the binary it fetched. */
export function cachedBinary(/** @type {NodeJS.ProcessEnv} */ env = process.env) {
  return join(cacheFolder(env), 'bin', executable);
}

/**
 * Looks on PATH, then in the cache. The last attempt is the one that counts.
 * @returns {Promise<Attempt[]>}
 */
export async function findTemporal(/** @type {NodeJS.ProcessEnv} */ env = process.env) {
  /** @type {Attempt[]} */
  const attempts = [];
  const places = { 'on PATH': onPath(env), 'in the cache': cachedBinary(env) };
  for (const [place, path] of Object.entries(places)) {
    attempts.push(path && isExecutable(path) ? await check(place, path) : { place, reason: 'not found' });
    if (attempts.at(-1)?.found) break;
  }
  return attempts;
}

/**
 * Runs `temporal --version`, which prints e.g. `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)`.
 * @returns {Promise<Attempt>}
 */
export function check(/** @type {string} */ place, /** @type {string} */ path) {
  return new Promise((resolve) => {
    execFile(path, ['--version'], { timeout: VERSION_LIMIT_MS }, (error, stdout) => {
      if (error) {
        const why = error.killed ? `no answer within ${VERSION_LIMIT_MS / 1000} s` : error.message.trim();
        resolve({ place, reason: `${path} does not run: ${why}` });
        return;
      }
      const server = /server (\d+)\.(\d+)[.\d]*/i.exec(stdout);
      if (!server) resolve({ place, reason: `${path} is not the Temporal CLI: its version is "${stdout.trim()}"` });
      else if (isOlder([Number(server[1]), Number(server[2])]))
        resolve({ place, reason: `${path} is too old: ${server[0]}, needed ${MINIMUM_SERVER.join('.')}` });
      else resolve({ place, found: { path, server: server[0].slice('server '.length) } });
    });
  });
}

function onPath(/** @type {NodeJS.ProcessEnv} */ env) {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, executable))
    .find(isExecutable);
}

function isExecutable(/** @type {string} */ path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isOlder(/** @type {[number, number]} */ [major, minor]) {
  const [neededMajor = 0, neededMinor = 0] = MINIMUM_SERVER;
  return major < neededMajor || (major === neededMajor && minor < neededMinor);
}
