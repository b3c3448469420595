/**
 * A Chromium for the tests that look at Temporal's UI: one on the PATH, else Debian's package where this process may install
 * it. Run by itself (before `npm test`) it only prepares; a test that finds none says why.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { since, step } from './step.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** @returns {string | undefined} path of the executable */
export function findChromium(path = process.env.PATH ?? '') {
  const places = path.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return places.find(isExecutable);
}

/** What to tell where there is none. */
export const CHROMIUM_MISSING =
  `none of ${NAMES.join(', ')} is on the PATH, and it is not for us to install one (that takes apt-get and root): ` +
  'install Chromium and run the tests again';

/**
 * Chromium's Vulkan driver that computes on the CPU: what a process must have in its environment to use it for WebGPU.
 * @returns {{ VK_ICD_FILENAMES: string, LD_LIBRARY_PATH: string } | undefined}
 */
export function findSwiftShader() {
  const executable = findChromium();
  const folders = ['/usr/lib/chromium', ...(executable === undefined ? [] : [dirname(realpathSync(executable))])];
  const folder = folders.find((place) => existsSync(join(place, 'vk_swiftshader_icd.json')));
  return folder === undefined
    ? undefined
    : { VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder };
}

function isExecutable(/** @type {string} */ file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not for us
  }
}

function install() {
  if (process.getuid?.() !== 0) return false;
  const start = performance.now();
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (/** @type {string[]} */ ...args) => spawnSync('apt-get', args, { env, stdio: 'ignore' }).status === 0;
  const packages = ['install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'];
  // The lists of packages may be old or missing: only then are they fetched.
  if (!apt(...packages) && !(apt('update') && apt(...packages))) return false;
  step('chromium', `installed in ${since(start)}`);
  return true;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (findChromium() === undefined && !install()) step('chromium', CHROMIUM_MISSING);
}
