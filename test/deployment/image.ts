/** The image's folder without Docker: what the COPY instructions of its last stage put there. */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { ROOT } from '../support/process.js';
import { readStages } from './compose.js';

/** Binaries for other machines than this one: the image has them, here they would only take time. */
const OTHER_PLATFORM = new RegExp(
  [
    `onnxruntime-node/bin/napi-v\\d+/(?!${process.platform}(/|$))[^/]+`,
    `onnxruntime-node/bin/napi-v\\d+/[^/]+/(?!${process.arch}(/|$))[^/]+`,
    `core-bridge/releases/(?!.*${process.platform})[^/]+`,
    `core-bridge/releases/(?!${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch as 'x64'] ?? ''})[^/]+`,
  ].join('|'),
);

export function layOutImage(folder: string): void {
  for (const { name, rest } of readStages().at(-1)!) {
    if (name !== 'COPY') continue;
    const words = rest.split(' ').filter((word) => !word.startsWith('--'));
    const target = words.at(-1)!;
    for (const source of words.slice(0, -1)) {
      const from = source.replace(/^\/app\//, '');
      if (from === 'node_modules') copyPackages(join(folder, target));
      else cpSync(join(ROOT, from), target === './' ? join(folder, from) : join(folder, target), { recursive: true });
    }
  }
}

interface LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** What `npm ci --omit=dev` installs, from what is installed here. */
function copyPackages(target: string): void {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const source = join(ROOT, 'node_modules');
  const kept = new Set(Object.keys(packages).filter((path) => !(packages[path].dev ?? packages[path].devOptional)));
  for (const path of kept) {
    const [, top] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (top === undefined || !existsSync(join(source, top))) continue; // nested ones come along; optional ones may be absent
    cpSync(join(source, top), join(target, top), {
      recursive: true,
      filter: (file) => !OTHER_PLATFORM.test(relative(source, file).split(sep).join('/')),
    });
  }
}
