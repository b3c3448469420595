/**
 * TypeScript to dist/, then the workflow bundle. Skipped when no source changed.
 * `node scripts/build.mjs` builds, whatever the stamp says.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hashOf, root } from './paths.mjs';
import { SetupError, since, step } from './step.mjs';

const require = createRequire(import.meta.url);
const dist = join(root, 'dist');
const stampFile = join(dist, '.built.json');

/** @returns {Promise<void>} rejects with SetupError when the sources do not compile */
export async function build({ force = false } = {}) {
  const stamp = sourceStamp();
  const previous = readStamp();
  if (!force && previous.hash === stamp.hash) return;

  const start = performance.now();
  for (const gone of previous.files.filter((file) => !stamp.files.includes(file))) removeOutputOf(gone);
  const compiled = compile();
  await bundleWorkflows();
  if (!compiled) throw new SetupError('the TypeScript sources do not compile, see above');
  mkdirSync(dist, { recursive: true });
  writeFileSync(stampFile, JSON.stringify(stamp));
  step('build', `dist/ in ${since(start)}`);
}

function sourceStamp() {
  const { include } = /** @type {{ include: string[] }} */ (
    JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'))
  );
  const files = [...include, 'scripts']
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => /\.[cm]?[jt]s$/.test(file))
    .sort();
  const hash = createHash('sha256');
  for (const file of [...files, 'tsconfig.json', 'package-lock.json'])
    hash.update(`${file} ${hashOf(join(root, file))}\n`);
  return { hash: hash.digest('hex'), files };
}

function readStamp() {
  if (!existsSync(stampFile)) return { hash: '', files: [] };
  return /** @type {{ hash: string, files: string[] }} */ (JSON.parse(readFileSync(stampFile, 'utf8')));
}

function removeOutputOf(/** @type {string} */ source) {
  const output = join(dist, source.replace(/ts$/, 'js'));
  rmSync(output, { force: true });
  rmSync(`${output}.map`, { force: true });
}

function compile() {
  const tsc = require.resolve('typescript/bin/tsc');
  return spawnSync(process.execPath, [tsc, '-p', root, '--pretty'], { cwd: root, stdio: 'inherit' }).status === 0;
}

/** Bundled at build time, so that workers start fast and all run the same code. */
async function bundleWorkflows() {
  const workflowsPath = join(dist, 'workflows', 'index.js');
  if (!existsSync(workflowsPath)) return;
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  // A failure converter is part of a bundle: one for payloads as they are, one for encrypted ones.
  const bundles = {
    'workflow-bundle.js': undefined,
    'workflow-bundle-encrypted.js': join(dist, 'contracts', 'protocol', 'encoded-failures.cjs'),
  };
  for (const [name, failureConverterPath] of Object.entries(bundles)) {
    const { code } = await bundleWorkflowCode({
      workflowsPath,
      logger: new DefaultLogger('WARN'),
      ...(failureConverterPath === undefined ? {} : { failureConverterPath }),
    });
    writeFileSync(join(dist, name), code);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await build({ force: true }).catch((/** @type {unknown} */ error) => {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  });
}
