/**
 * `npm run setup:tfjs -- cpu|gpu`: TensorFlow.js for the learner "tfjs", in the user's cache, once per version.
 *
 * The npm package's own install script would download a TensorFlow of 2022 from a place that may be out of reach. Here the
 * library comes with today's Python package, and the addon is compiled against it. It is no dependency in package.json: it
 * weighs 300 MB without the library, and `npm ci` would remove the addon each time.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TENSORFLOW, TFJS, tfjsFolder, VARIANTS } from './load-tfjs.mjs';
import { SetupError, since, step } from './step.mjs';

/** @typedef {import('./load-tfjs.mjs').Variant} Variant */

const here = dirname(fileURLToPath(import.meta.url));
const ADDON = 'node_modules/@tensorflow/tfjs-node-gpu';
const LIBRARY = 'library/tensorflow';
/** Any Python's pip fetches this one: only the libraries in it are used. */
const WHEEL = ['--only-binary=:all:', '--implementation=cp', '--python-version=3.11'].concat(
  ['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64'].map((tag) => `--platform=${tag}`),
);

const NEEDED = {
  pip: { command: ['python3', '-m', 'pip', '--version'], packages: ['python3', 'python3-pip'] },
  'g++': { command: ['g++', '--version'], packages: ['g++'] },
};

function setup(/** @type {Variant} */ variant) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new SetupError(`learner "tfjs" needs Linux on x64, this is ${process.platform} on ${process.arch}`);
  const folder = tfjsFolder(variant);
  if (!existsSync(folder)) {
    obtainTools();
    install(variant, folder);
  }
  verify(folder);
}

/** Debian's packages where this process may install them. */
function obtainTools() {
  const missing = () => Object.entries(NEEDED).filter(([, { command }]) => !succeeds(command));
  const packages = missing().flatMap(([, needed]) => needed.packages);
  if (packages.length > 0 && process.getuid?.() === 0) {
    const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
    if (!succeeds(install) && succeeds(['apt-get', 'update'])) succeeds(install);
  }
  const names = missing().map(([name]) => name);
  if (names.length === 0) return;
  throw new SetupError(
    `${names.join(' and ')} must be there first: apt-get install ${packages.join(' ')}, or what your system calls them`,
  );
}

/** Into another folder first, so that a broken attempt leaves nothing that looks whole. */
function install(/** @type {Variant} */ variant, /** @type {string} */ folder) {
  const start = performance.now();
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(dirname(folder), `.${variant}-`));
  try {
    step('tfjs', `TensorFlow.js ${TFJS} …`);
    for (const name of ['package.json', 'package-lock.json']) cpSync(join(here, 'tfjs', name), join(work, name));
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], work);
    step('tfjs', `TensorFlow ${TENSORFLOW} for ${variant} …`);
    pip(work, [`${variant === 'cpu' ? 'tensorflow-cpu' : 'tensorflow'}==${TENSORFLOW}`]);
    if (variant === 'gpu') pip(work, cudaPackages(work));
    step('tfjs', 'compiling the addon …');
    compile(work);
    for (const name of readdirSync(join(work, LIBRARY))) {
      if (!/^libtensorflow|NOTICES/.test(name)) rmSync(join(work, LIBRARY, name), { recursive: true });
    }
    renameSync(work, folder);
    step('tfjs', `installed in ${since(start)}: ${folder}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function pip(/** @type {string} */ work, /** @type {string[]} */ packages) {
  const where = ['--no-deps', '--no-compile', '--no-cache-dir', '--quiet', `--target=${join(work, 'library')}`];
  run('python3', ['-m', 'pip', 'install', '--disable-pip-version-check', ...where, ...WHEEL, ...packages], work);
}

/** What the wheel's extra `and-cuda` names: NVIDIA's libraries, found by TensorFlow's where they lie beside it. */
function cudaPackages(/** @type {string} */ work) {
  const library = join(work, 'library');
  const info = readdirSync(library).find((name) => /^tensorflow-.*\.dist-info$/.test(name));
  if (info === undefined) throw new SetupError('the TensorFlow wheel says nothing of what it needs');
  const metadata = readFileSync(join(library, info, 'METADATA'), 'utf8');
  return [...metadata.matchAll(/^Requires-Dist: (nvidia-[^;]+); extra == "and-cuda"$/gm)].map(([, name]) =>
    name.trim(),
  );
}

function compile(/** @type {string} */ work) {
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(work, ADDON, 'binding', name));
  const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'].map((name) => join(work, LIBRARY, name));
  const output = join(work, ADDON, 'lib/napi-v8');
  mkdirSync(output, { recursive: true });
  const includes = ['node_modules/node-api-headers/include', `${LIBRARY}/include`].map(
    (name) => `-I${join(work, name)}`,
  );
  const found = `-Wl,-rpath,$ORIGIN/../../../../../${LIBRARY}`; // the folder may be moved
  const flags = ['-std=c++17', '-O2', '-shared', '-fPIC', '-w', '-DNAPI_VERSION=8', ...includes];
  run('g++', [...flags, ...sources, '-o', join(output, 'tfjs_binding.node'), ...libraries, found], work);
}

/** A product in a process of its own, and what it ran on. */
function verify(/** @type {string} */ folder) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(here, 'verify-tfjs.mjs'), folder], {
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
  });
  if (status !== 0) {
    throw new SetupError(
      `TensorFlow.js in ${folder} does not work: ${stderr.trim()}\nRemove the folder and run the set-up again.`,
    );
  }
  step('tfjs', stdout.trim());
}

function succeeds(/** @type {string[]} */ [command, ...args]) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { env, stdio: 'ignore' }).status === 0;
}

function run(/** @type {string} */ command, /** @type {string[]} */ args, /** @type {string} */ cwd) {
  const env = { ...process.env, PIP_ROOT_USER_ACTION: 'ignore' };
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
  if (error) throw new SetupError(`${command} did not start: ${error.message}`);
  if (status !== 0) throw new SetupError(`${command} failed (exit code ${String(status)}), see above`);
}

try {
  const variant = VARIANTS.find((name) => name === process.argv[2]);
  if (!variant) throw new SetupError(`say for which device: npm run setup:tfjs -- ${VARIANTS.join('|')}`);
  setup(variant);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`\nSet-up stopped: ${error.message}`);
  process.exitCode = 1;
}
