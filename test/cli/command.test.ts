/** The compiled command, as a user runs it. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { withFolder } from '../support/temporal.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

function attnrl(home: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, ATTNRL_HOME: home, TEMPORAL_ADDRESS: '127.0.0.1:1' };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

it('refuses a bad configuration before it looks for a server, with every problem and exit code 2', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'bad.json');
    await writeFile(file, JSON.stringify({ algorithm: 'ppo', samplng: {}, update: { learningRate: -1 } }));
    const { code, stderr } = await attnrl(folder, 'train', '--config', file);
    expect(code).toBe(2);
    for (const path of ['algorithm', 'samplng', 'update.learningRate']) expect(stderr).toContain(`  ${path}: `);
  });
});

it('refuses a file that is missing or is not JSON', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'broken.json');
    await writeFile(file, '{');
    expect(await attnrl(folder, 'train', '--config', file)).toMatchObject({ code: 2 });
    const { code, stdout } = await attnrl(folder, 'train', '--json', '--config', join(folder, 'none.json'));
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ event: 'failure', type: 'InvalidConfig' });
  });
});

it('says which server does not answer, exit code 1', async () => {
  await withFolder(async (folder) => {
    const { code, stderr } = await attnrl(folder, 'train');
    expect(code).toBe(1);
    expect(stderr).toContain('127.0.0.1:1');
  });
});

it('plans a run without a server, and says with exit code 2 what would be refused', async () => {
  await withFolder(async (folder) => {
    const rates = ['--generate-rate', '1000', '--score-rate', '5000', '--learn-rate', '500'];
    const { code, stdout } = await attnrl(folder, 'plan', '--config', 'configs/attnrl-1.5b.json', ...rates);
    expect(code).toBe(0);
    for (const part of ['1.78B parameters', '1,920 paths, learnt in 10 steps', 'two moments', 'stored per iteration'])
      expect(stdout).toContain(part);
    const file = join(folder, 'long.json');
    await writeFile(file, JSON.stringify({ sampling: { maxResponseTokens: 5000 }, update: { tokenBudget: 9000 } }));
    const refused = await attnrl(folder, 'plan', '--config', file, ...rates, '--json');
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stdout)).toMatchObject({ problems: [{ path: 'sampling.maxResponseTokens' }] });
  });
});

it('helps with every command', async () => {
  await withFolder(async (folder) => {
    const { code, stdout } = await attnrl(folder, '--help');
    expect(code).toBe(0);
    for (const command of [
      'train',
      'worker',
      'evaluate',
      'plan',
      'status',
      'doctor',
      'audit',
      'inspect',
      'fork',
      'export',
      'gc',
      'pause',
      'stop-after',
    ])
      expect(stdout).toContain(command);
  });
});
