/** The set-up of TensorFlow.js, where it cannot go on. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const script = new URL('../../scripts/setup-tfjs.mjs', import.meta.url).pathname;
const cache = mkdtempSync(join(tmpdir(), 'attnrl-cache-'));
afterAll(() => rmSync(cache, { recursive: true }));

function setup(...args: string[]): { status: number | null; stderr: string } {
  // Nothing is on the PATH: no Python, no compiler, nothing that could install them.
  const env = { PATH: '', ATTNRL_CACHE: cache };
  return spawnSync(process.execPath, [script, ...args], { env, encoding: 'utf8' });
}

it('asks for the device', () => {
  expect(setup()).toMatchObject({ status: 1, stderr: expect.stringContaining('setup:tfjs -- cpu|gpu') as unknown });
});

it('names all tools that are missing, before any download', () => {
  const { status, stderr } = setup('cpu');
  expect(status).toBe(1);
  if (process.platform === 'linux' && process.arch === 'x64')
    expect(stderr).toMatch(/pip and g\+\+ must be there first/);
  else expect(stderr).toMatch(/needs Linux on x64/);
  expect(readdirSync(cache)).toEqual([]);
});
