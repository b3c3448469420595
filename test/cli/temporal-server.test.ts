/** Against the real development server. */
import { Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureTemporalServer, findTemporalServer, stopTemporalServer } from '../../cli/temporal-server.js';

const phase = defineSearchAttributeKey('TestPhase', 'KEYWORD');
const reward = defineSearchAttributeKey('TestReward', 'DOUBLE');

let home: string;
/** Nothing of the user's Temporal configuration, whatever it is. */
let env: Record<string, string | undefined>;
let otherProgram: Server;

async function searchAttributesAt(address: string): Promise<string[]> {
  const connection = await Connection.connect({ address });
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
  await connection.close();
  return Object.keys(customAttributes);
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'attnrl-home-'));
  env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
  env.TEMPORAL_CONFIG_FILE = join(home, 'temporal.toml');
  await writeFile(env.TEMPORAL_CONFIG_FILE, '[profile.default]\n');
  // The usual port is taken, by this if by nothing else.
  otherProgram = createServer();
  await new Promise<void>((resolve) => otherProgram.once('error', () => resolve()).listen(7233, '127.0.0.1', resolve));
});

afterAll(async () => {
  otherProgram.close();
  await stopTemporalServer(home);
  await rm(home, { recursive: true });
});

describe('the development server', () => {
  it('is started once by callers at the same time, on free ports, with its search attributes', async () => {
    const options = { home, env, searchAttributes: [phase] };
    const [first, second] = await Promise.all([ensureTemporalServer(options), ensureTemporalServer(options)]);
    expect([first.startedByUs, second.startedByUs].sort()).toEqual([false, true]);
    expect(second.address).toBe(first.address);
    expect(first.address).not.toMatch(/:7233$/);
    expect(await searchAttributesAt(first.address)).toContain('TestPhase');
    expect((await fetch(first.uiUrl!)).status).toBe(200);
  });

  it('is reused, and gets the search attributes that it lacks', async () => {
    const server = await ensureTemporalServer({ home, env, searchAttributes: [phase, reward] });
    expect(server.startedByUs).toBe(false);
    expect(await searchAttributesAt(server.address)).toEqual(expect.arrayContaining(['TestPhase', 'TestReward']));
    expect(await findTemporalServer(home)).toMatchObject({ address: server.address, uiUrl: server.uiUrl });
  });

  it('is stopped, and started again on the same database', async () => {
    expect(await stopTemporalServer(home)).toBe(true);
    expect(await stopTemporalServer(home)).toBe(false);
    expect(await findTemporalServer(home)).toBeUndefined();
    const server = await ensureTemporalServer({ home, env, searchAttributes: [phase, reward] });
    expect(server.startedByUs).toBe(true);
  });

  it('is not confused by a file that names a foreign process', async () => {
    const file = join(home, 'temporal', 'server.json');
    const state = JSON.parse(await readFile(file, 'utf8')) as { pid: number; address: string };
    const other = join(home, 'other');
    await mkdir(join(other, 'temporal'), { recursive: true });
    await writeFile(join(other, 'temporal', 'server.json'), JSON.stringify({ ...state, pid: process.pid }));
    expect(await findTemporalServer(other)).toBeUndefined();
    expect(await stopTemporalServer(other)).toBe(false); // and this process lives
    const server = await ensureTemporalServer({ home: other, env, searchAttributes: [] });
    expect(server).toMatchObject({ startedByUs: true });
    expect(server.address).not.toBe(state.address);
    await stopTemporalServer(other);
  });

  it('says why it does not start', async () => {
    const other = join(home, 'failing');
    await mkdir(join(other, 'temporal', 'temporal.db'), { recursive: true }); // a folder is no database
    const start = ensureTemporalServer({ home: other, env, searchAttributes: [] });
    await expect(start).rejects.toMatchObject({ name: 'DevServerFailed', log: join(other, 'temporal', 'server.log') });
    const nowhere = { ...env, PATH: '', ATTNRL_CACHE: join(home, 'no-cache') };
    const missing = ensureTemporalServer({ home: other, env: nowhere, searchAttributes: [] });
    await expect(missing).rejects.toMatchObject({ name: 'TemporalBinaryMissing' });
  });
});

describe('a server named by the environment', () => {
  it('is used, and gets the search attributes that it lacks', async () => {
    const running = await findTemporalServer(home);
    const late = defineSearchAttributeKey('TestLate', 'INT');
    const named = { ...env, TEMPORAL_ADDRESS: running!.address };
    const server = await ensureTemporalServer({ home: join(home, 'unused'), env: named, searchAttributes: [late] });
    expect(server).toEqual({ address: running!.address, namespace: 'default', uiUrl: undefined, startedByUs: false });
    expect(await searchAttributesAt(server.address)).toContain('TestLate');
  });

  it('must answer', async () => {
    const named = { ...env, TEMPORAL_ADDRESS: '127.0.0.1:9' };
    await expect(ensureTemporalServer({ home, env: named, searchAttributes: [] })).rejects.toMatchObject({
      name: 'TemporalUnreachable',
      message: expect.stringContaining('127.0.0.1:9') as string,
    });
  });
});
