/** What the project's own folder says: whether this code runs from the source or from dist/. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

interface Package {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The folder of our package.json, from the source or from dist/; the working folder where there is none. */
export async function projectRoot(): Promise<string> {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    if ((await readJson<Package>(new URL('package.json', folder))).name === 'attnrl') return fileURLToPath(folder);
    if (folder.pathname === '/') return process.cwd();
  }
}

/** Version of the package, hash of the built sources (null: they run unbuilt), and the runtime of the model. */
export async function codeVersion(): Promise<{ version: string; build: string | null; engine: string }> {
  const root = new URL(`file://${await projectRoot()}/`);
  const { version = '', dependencies = {} } = await readJson<Package>(new URL('package.json', root));
  const { hash } = await readJson<{ hash?: string }>(new URL('dist/.built.json', root));
  const engine = `onnxruntime-node ${dependencies['onnxruntime-node'] ?? ''}`.trim();
  return { version, build: import.meta.url.includes('/dist/') ? (hash ?? null) : null, engine };
}

async function readJson<T>(file: URL): Promise<Partial<T>> {
  return JSON.parse(await readFile(file, 'utf8').catch(() => '{}')) as Partial<T>;
}
