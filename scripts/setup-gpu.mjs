/**
 * `npm run setup:gpu`: brings onnxruntime's CUDA libraries (x64 Linux), from NuGet by the package's own install script, else out of
 * PyPI's onnxruntime-gpu of the same version; then opens a session on each device and says what it found. CUDA itself and
 * cuDNN are not brought.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './paths.mjs';
import { since, step } from './step.mjs';

const PACKAGE = join(root, 'node_modules/onnxruntime-node');
const BINARIES = join(PACKAGE, 'bin/napi-v6/linux/x64');
const LIBRARIES = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];
/** NuGet's server may be out of reach, and the script waits without end. */
const DOWNLOAD_LIMIT_MS = 600_000;

const missing = () => LIBRARIES.filter((name) => !existsSync(join(BINARIES, name)));

/** @returns {string} what went wrong, '' if nothing */
function run(/** @type {string} */ command, /** @type {string[]} */ args, env = process.env) {
  const result = spawnSync(command, args, { env, encoding: 'utf8', timeout: DOWNLOAD_LIMIT_MS });
  if (result.error) return result.error.message;
  if (result.status === 0) return '';
  const lines = result.stderr.trim().split('\n');
  return (
    lines.find((line) => /^(\w*Error|ERROR)\b/.test(line)) ??
    (lines.at(-1) || `ended by ${result.signal ?? String(result.status)}`)
  );
}

function fromInstaller() {
  return run(process.execPath, [join(PACKAGE, 'script/install.js')], {
    ...process.env,
    ONNXRUNTIME_NODE_INSTALL: 'cuda12',
  });
}

function fromWheel() {
  const python = process.env.PYTHON ?? 'python3';
  const { version } = /** @type {{ version: string }} */ (
    JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'))
  );
  const folder = mkdtempSync(join(tmpdir(), 'attnrl-gpu-'));
  try {
    const wanted = ['--no-deps', '--only-binary', ':all:', `onnxruntime-gpu==${version}`];
    const problem = run(python, ['-m', 'pip', 'download', '--quiet', '--dest', folder, ...wanted]);
    if (problem) return problem;
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl')) ?? '';
    const unpacking = run(python, ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    if (unpacking) return unpacking;
    for (const name of LIBRARIES) copyFileSync(join(folder, 'onnxruntime/capi', name), join(BINARIES, name));
    return '';
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function bringLibraries() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    step('cuda', 'onnxruntime-node has it on x64 Linux only');
    return;
  }
  for (const [source, bring] of /** @type {const} */ ([
    ["the package's installer", fromInstaller],
    ['PyPI', fromWheel],
  ])) {
    if (missing().length === 0) break;
    const start = performance.now();
    step('cuda', `fetching the libraries from ${source} …`);
    const problem = bring();
    step('cuda', problem ? `${source}: ${problem}` : `fetched in ${since(start)}`);
  }
  step('cuda', missing().length === 0 ? `libraries are in ${BINARIES}` : `missing: ${missing().join(', ')}`);
}

/** In a process of its own each: a provider's library that does not load may take the process with it. */
function tryProvider(/** @type {string} */ provider) {
  const script = `
    const { Graph } = await import('${root}dist/policy/onnx/graph.js');
    const { add } = await import('${root}dist/policy/onnx/operators.js');
    const { Session, floats } = await import('${root}dist/policy/onnx/runtime.js');
    const g = new Graph();
    const x = g.input('x', 'float32', [2]);
    g.output('y', add(g, x, x));
    const session = await Session.open(g, { threads: 1, provider: '${provider}' });
    const { y } = await session.run({ x: floats(Float32Array.of(1, 2), [2]) }, ['y']);
    if (y.data[1] !== 4) throw new Error('it computes wrongly');`;
  const problem = run(process.execPath, ['--input-type=module', '-e', script]);
  step(provider, problem ? `cannot be used: ${problem}` : 'works');
}

bringLibraries();
for (const provider of ['cpu', 'webgpu', 'cuda']) tryProvider(provider);
