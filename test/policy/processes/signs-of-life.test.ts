/** Signs of life of an engine's process: a real one (compiled: dist/), and several together. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SharedSignsOfLife } from '../../../policy/processes/signs-of-life.js';
import { reviveError } from '../../../policy/processes/revive-error.js';
import { ChildCaller } from '../../../policy/processes/rpc.js';

/** Blocks its thread, as a graph does, until a file is there. */
const PROGRAM = `
  import { existsSync } from 'node:fs';
  import { serve } from '${new URL('../../../dist/policy/processes/rpc.js', import.meta.url).href}';

  const cell = new Int32Array(new SharedArrayBuffer(4));
  serve({
    block: async (path) => {
      while (!existsSync(path)) Atomics.wait(cell, 0, 0, 10);
    },
  });
`;

describe('a process', () => {
  let folder: string;
  let engine: ChildCaller;
  const path = (name: string): string => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'attnrl-pulse-'));
    await writeFile(path('engine.mjs'), PROGRAM);
    engine = new ChildCaller(path('engine.mjs'), '', reviveError);
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  it('gives signs of life while its thread is blocked', async () => {
    let signs = 0;
    const onAlive = (): void => {
      if (++signs === 2) writeFileSync(path('enough'), '');
    };
    await engine.call('block', path('enough'), { onAlive });
    expect(signs).toBeGreaterThanOrEqual(2);
  });

  it('gives none while it is stopped', async () => {
    let last = performance.now();
    const blocked = engine.call('block', path('go on'), { onAlive: () => (last = performance.now()) });
    process.kill(engine.pid!, 'SIGSTOP');
    await vi.waitUntil(() => performance.now() - last > 3_000, { timeout: 20_000 });
    process.kill(engine.pid!, 'SIGCONT');
    const stopped = last;
    await vi.waitUntil(() => last > stopped, { timeout: 20_000 });
    writeFileSync(path('go on'), '');
    await blocked;
  });
});

describe('several processes', () => {
  const together = (count: number) => {
    const onAlive = vi.fn();
    return { pulse: new SharedSignsOfLife(count, onAlive), onAlive };
  };

  it('live when each has given a sign since the last time', () => {
    const { pulse, onAlive } = together(2);
    [0, 0, 0].forEach((one) => pulse.felt(one));
    expect(onAlive).not.toHaveBeenCalled();
    pulse.felt(1);
    expect(onAlive).toHaveBeenCalledTimes(1);
    [1, 1, 0].forEach((one) => pulse.felt(one));
    expect(onAlive).toHaveBeenCalledTimes(2);
  });

  it('need none of one whose work has ended', () => {
    const { pulse, onAlive } = together(2);
    pulse.end(1);
    [0, 0].forEach((one) => pulse.felt(one));
    expect(onAlive).toHaveBeenCalledTimes(2);
  });
});
