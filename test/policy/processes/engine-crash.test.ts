/** What is said of an engine's process that fails or ends: real processes (compiled: dist/). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EngineCrashed, EngineOutOfMemory } from '../../../contracts/errors/engine-errors.js';
import { reviveError } from '../../../policy/processes/revive-error.js';
import { ChildCaller } from '../../../policy/processes/rpc.js';
import { placeOf } from '../../../policy/processes/sent-error.js';

const compiled = (path: string): string => new URL(`../../../dist/${path}`, import.meta.url).href;

/** Methods that end in each way there is. */
const PROGRAM = `
  import { serve } from '${compiled('policy/processes/rpc.js')}';
  import { Slots } from '${compiled('policy/onnx/generate/slots.js')}';

  const config = { layers: 1, kvHeads: 1, headSize: 2 };
  const block = { keys: [new Float32Array(8)], values: [new Float32Array(8)] };
  const defect = () => new Slots(config, 4, 2).write(1, 0, block);
  const never = () => new Promise(() => undefined);

  serve({
    answer: async () => 'here',
    throw: async () => defect(),
    named: async () => { throw Object.assign(new Error('said by itself'), { name: 'InvalidCheckpoint' }); },
    later: () => (setTimeout(defect), never()),
    unheard: () => (void Promise.resolve().then(defect), never()),
    signal: (name) => (process.kill(process.pid, name), never()),
    exit: () => (process.stderr.write('what it says last\\n'), process.exit(7)),
    abort: () => process.abort(),
    array: async () => { throw new RangeError('Array buffer allocation failed'); },
    heap: async () => { for (const kept = []; ; ) kept.push(Array.from({ length: 1e5 }, (_, i) => ({ i }))); },
  });
`;
const DEFECT =
  /block 0 of row 1 is none: 0 rows of 0 positions are held, at Slots\.\S+ \(policy\/onnx\/generate\/slots\.ts:\d+\)$/;

let folder: string;
let entry: string;
let engine: ChildCaller;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attnrl-crash-'));
  entry = join(folder, 'engine.mjs');
  await writeFile(entry, PROGRAM);
  engine = new ChildCaller(entry, '', reviveError, { ...process.env, NODE_OPTIONS: '--max-old-space-size=30' });
  vi.spyOn(process.stderr, 'write').mockReturnValue(true); // what they say goes on to ours
});
afterAll(async () => {
  vi.restoreAllMocks();
  await engine.close();
  await rm(folder, { recursive: true });
});

const failure = (method: string, argument?: unknown): Promise<Error> =>
  engine.call(method, argument).then(
    () => expect.fail('it answered'),
    (error: unknown) => error as Error,
  );

describe('a call', () => {
  it('that throws says where, and the process goes on', async () => {
    await engine.call('answer', undefined);
    const { pid } = engine;
    expect(await failure('throw')).toMatchObject({
      name: 'RangeError',
      message: expect.stringMatching(DEFECT) as unknown,
    });
    const array = await failure('array');
    expect(array).toBeInstanceOf(EngineOutOfMemory); // a RangeError would end the run
    expect(array.message).toContain('Array buffer allocation failed');
    expect(await engine.call('answer', undefined)).toBe('here');
    expect(engine.pid).toBe(pid);
  });

  it('that fails as it is made to says nothing else', async () => {
    expect(await failure('named')).toMatchObject({ name: 'InvalidCheckpoint', message: 'said by itself' });
  });
});

describe('a process that ends', () => {
  it.each(['later', 'unheard'])('by an exception (%s) says which and where', async (method) => {
    const error = await failure(method);
    expect(error).toBeInstanceOf(EngineCrashed);
    expect(error.message).toMatch(/^an exception ended the engine process: RangeError: /);
    expect(error.message).toMatch(DEFECT);
    expect(await engine.call('answer', undefined)).toBe('here');
  });

  it.each([
    ['SIGKILL', 'SIGKILL, killed by somebody, or by the system because memory ran out'],
    ['SIGSEGV', 'SIGSEGV, a crash of native code'],
    ['SIGHUP', 'SIGHUP'],
  ])('by %s says so, and of memory only where it may be', async (signal, how) => {
    expect(await failure('signal', signal)).toMatchObject({
      name: 'EngineCrashed',
      message: `the engine process ended before it answered: ${how}`,
    });
  });

  it('by itself says how, and its last words', async () => {
    expect((await failure('exit')).message).toBe(
      'the engine process ended before it answered: exit code 7; its last words: what it says last',
    );
    expect((await failure('abort')).message).toBe(
      'the engine process ended before it answered: SIGABRT, a crash of native code',
    );
  });

  it('because its heap is full says so', async () => {
    const { message } = await failure('heap');
    expect(message).toMatch(/its last words: .*JavaScript heap out of memory$/);
    expect(message.length).toBeLessThan(300); // the run's page shows so much
  });

  it('because its worker closed it does not look for other causes', async () => {
    const closed = failure('signal', 0); // no signal, and no answer
    await engine.close();
    expect((await closed).message).toBe('the engine process ended before it answered: closed by its worker');
  });
});

it('a place is the first one of ours, whether it has a name or not', () => {
  const here = new URL('../../../', import.meta.url).href;
  const at = (...frames: readonly string[]): string | undefined =>
    placeOf(
      Object.assign(new Error('x'), { stack: ['Error: x', ...frames.map((frame) => `    at ${frame}`)].join('\n') }),
    );
  const foreign = [`node:internal/process:1:1`, `run (${here}node_modules/some/index.js:2:3)`];
  expect(at(...foreign)).toBeUndefined();
  expect(at(...foreign, `async Session.run (${here}policy/onnx/runtime.ts:86:20)`, `f (${here}cli/main.ts:1:1)`)).toBe(
    'Session.run (policy/onnx/runtime.ts:86)',
  );
  expect(at(`${here}dist/policy/processes/rpc.js:5:6`)).toBe('policy/processes/rpc.js:5');
});
