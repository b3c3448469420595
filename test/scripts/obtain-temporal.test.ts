/** Every branch of the search for a Temporal server, with executables that only print. */
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadTemporal } from '../../scripts/download-temporal.mjs';
import { goInstallTemporal } from '../../scripts/go-install-temporal.mjs';
import { obtainTemporal } from '../../scripts/obtain-temporal.mjs';
import { cachedBinary } from '../../scripts/temporal-binary.mjs';

const VERSION = 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)';

let folder: string;
let env: Record<string, string>;
let bin: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attnrl-temporal-'));
  bin = join(folder, 'bin');
  env = { PATH: bin, ATTNRL_CACHE: join(folder, 'cache'), HOME: folder };
  await mkdir(bin);
});
afterEach(() => rm(folder, { recursive: true }));

/** An executable that prints a text and ends with a status. */
async function fake(path: string, prints: string, status = 0): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${prints}'\nexit ${status}\n`);
  await chmod(path, 0o755);
}

/** The lines it reports, then what it ends with. */
async function search(fetchers: Record<string, (target: string) => Promise<void>> = {}): Promise<string> {
  const lines: string[] = [];
  await obtainTemporal({ env, fetchers, report: (line) => lines.push(line) }).then(
    () => lines.push('done'),
    (error: unknown) => lines.push(String(error)),
  );
  return lines.join('\n').replaceAll(folder, '');
}

const fetched = (target: string) => fake(target, VERSION);
const fails = (reason: string) => () => Promise.reject(new Error(reason));

describe('the search for a Temporal server', () => {
  it('needs no executable when the environment names a server', async () => {
    env.TEMPORAL_ADDRESS = 'temporal.example:7233';
    expect(await search()).toBe('server at temporal.example:7233 (from the environment)\ndone');
  });

  it('reads profiles of a configuration file', async () => {
    env.TEMPORAL_CONFIG_FILE = join(folder, 'temporal.toml');
    env.TEMPORAL_PROFILE = 'work';
    await writeFile(env.TEMPORAL_CONFIG_FILE, '[profile.work]\naddress = "work.example:7233"\n');
    expect(await search()).toContain('server at work.example:7233');
    env.TEMPORAL_PROFILE = 'home';
    expect(await search()).toMatch(/^SetupError: the Temporal client configuration .* is not usable: .*home/);
  });

  it('takes temporal on PATH', async () => {
    await fake(join(bin, 'temporal'), VERSION);
    await fake(cachedBinary(env), VERSION);
    expect(await search()).toBe('on PATH: /bin/temporal (server 1.29.1)\ndone');
  });

  it('goes on when temporal on PATH is broken, too old or something else', async () => {
    await fake(cachedBinary(env), VERSION);
    await fake(join(bin, 'temporal'), 'boom', 1);
    expect(await search()).toMatch(
      /^on PATH: \/bin\/temporal does not run: .*\nin the cache: .* \(server 1.29.1\)\ndone$/s,
    );
    await fake(join(bin, 'temporal'), 'temporal version 0.10.0 (server 1.20.4)');
    expect(await search()).toContain('on PATH: /bin/temporal is too old: server 1.20.4, needed 1.28\n');
    await fake(join(bin, 'temporal'), 'a calendar');
    expect(await search()).toContain('on PATH: /bin/temporal is not the Temporal CLI: its version is "a calendar"\n');
  });

  it('fetches one when there is none, trying one way after the other', async () => {
    const lines = await search({ download: fails('no network'), 'go install': fetched });
    expect(lines.split('\n')).toEqual([
      'on PATH: not found',
      'in the cache: not found',
      'download: trying …',
      'download: no network',
      'go install: trying …',
      expect.stringMatching(/^go install: .*cache\/bin\/temporal \(server 1.29.1\) in/),
      'done',
    ]);
    expect(await search({ download: fails('not needed') })).toContain('in the cache: ');
  });

  it('does not take what was fetched on trust', async () => {
    const lines = await search({ download: (target) => fake(target, 'half a download', 127), other: fetched });
    expect(lines).toMatch(/download: .* does not run: /);
    expect(lines).toMatch(/done$/);
  });

  it('names the choices when nothing works', async () => {
    const lines = await search({ download: fails('no network'), 'go install': fails('no Go here') });
    expect(lines).toMatch(/go install: no Go here\nSetupError: no Temporal server\. Do one of these/);
    expect(lines).toContain('TEMPORAL_ADDRESS=host:port');
  });
});

describe('go install', () => {
  it('says that there is no Go', async () => {
    await expect(goInstallTemporal(cachedBinary(env), env)).rejects.toThrow('no Go here');
  });

  it('builds into the cache', async () => {
    // `go install` puts the executable into GOBIN.
    await writeFile(join(bin, 'go'), '#!/bin/sh\nPATH=/usr/bin:/bin\ncp "$0" "$GOBIN/temporal"\n', { mode: 0o755 });
    await goInstallTemporal(cachedBinary(env), env);
    expect(await readdir(dirname(cachedBinary(env)))).toEqual(['temporal']);
  });

  it('passes on why the build failed, and leaves nothing behind', async () => {
    const script = '#!/bin/sh\necho "go: downloading x" >&2\necho "go: no space" >&2\nexit 1\n';
    await writeFile(join(bin, 'go'), script, { mode: 0o755 });
    await expect(goInstallTemporal(cachedBinary(env), env)).rejects.toThrow('exit code 1: go: no space');
    expect(await readdir(dirname(cachedBinary(env)))).toEqual([]);
  });
});

describe("the SDK's download", () => {
  it('passes on why it failed, and leaves nothing behind', async () => {
    // No server can be reached through this proxy, wherever the test runs.
    const unreachable = { ...env, HTTPS_PROXY: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9' };
    await expect(downloadTemporal(cachedBinary(env), unreachable)).rejects.toThrow(/error|failed/);
    expect(await readdir(dirname(cachedBinary(env)))).toEqual([]);
  });
});
