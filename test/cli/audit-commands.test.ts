/** The compiled command on the files of a finished run, as a user runs it. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuditReport } from '../../runs/audit/findings.js';
import type { ProblemView } from '../../runs/inspect.js';
import { readRunFiles } from '../../runs/run-files.js';
import { inspectCheckpoint } from '../../policy/model/checkpoint/inspect.js';
import { discard, keptRun, objectPath, type KeptRun } from '../support/kept-run.js';
import { Temporal, withFolder } from '../support/temporal.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

let temporal: Temporal;
let kept: KeptRun;
beforeAll(async () => {
  temporal = await Temporal.start();
  kept = await keptRun(temporal, { iterations: 2 });
});
afterAll(async () => {
  await discard(kept);
  await temporal?.stop();
});

function attnrl(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const env = { ...inherited, ATTNRL_HOME: kept.home, TEMPORAL_ADDRESS: temporal.environment.address };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

it('audit: a table and the verdict, plain where it is no terminal; as JSON; exit code 0', async () => {
  const { code, stdout } = await attnrl('audit', kept.run);
  expect(stdout).toContain(`✓ proved: ${kept.run}, 2 iterations`);
  expect(stdout).not.toContain('\u001b[3');
  expect(code).toBe(0);
  const { stdout: json } = await attnrl('audit', kept.run, '--json');
  expect(JSON.parse(json) as AuditReport).toMatchObject({ verdict: 'proved', findings: [] });
});

it('audit: exit code 1 and the artifact where one is damaged', async () => {
  const [{ tree }] = (await readRunFiles(join(kept.home, 'runs'), kept.run)).ledger;
  const path = objectPath(kept.home, tree.sha256);
  const whole = await readFile(path);
  await writeFile(path, Buffer.concat([whole.subarray(1), Buffer.from('}')]));
  const { code, stdout } = await attnrl('audit', kept.run);
  await writeFile(path, whole);
  expect(code).toBe(1);
  expect(stdout).toContain('✗ disproved');
  expect(stdout).toContain(tree.sha256);
});

it('inspect: the problems of an iteration, the tree of one, both as JSON', async () => {
  const { stdout: table } = await attnrl('inspect', kept.run, '1');
  expect(table).toContain('mean influence');
  const { stdout: json } = await attnrl('inspect', kept.run, '1', '--json');
  const { problems } = JSON.parse(json) as {
    problems: { problem: number; branches: number; dropped: string | null }[];
  };
  const branched = problems.find(({ branches, dropped }) => branches > 0 && dropped === null)!;

  const { stdout: tree } = await attnrl('inspect', kept.run, '1', `${branched.problem}`);
  for (const part of ['prompt', 'answer', 'response 0', '◆ branch point', 'advantage', 'FCI', 'leaf, reward'])
    expect(tree).toContain(part);
  expect(tree).not.toContain('\u001b[');
  const { stdout: view } = await attnrl('inspect', kept.run, '1', `${branched.problem}`, '--json');
  const { trees, prompt } = JSON.parse(view) as ProblemView;
  expect(prompt).toContain('?');
  const steps = trees.flatMap(({ segments }) => segments.flatMap((segment) => segment.steps));
  expect(steps.map(({ text }) => text).join('')).toContain('<think>');
  const branches = trees.flatMap(({ segments }) => segments.flatMap(({ branchPoint }) => branchPoint?.branches ?? []));
  expect(branches).toHaveLength(branched.branches);
});

it('export: a checkpoint of any policy; an empty directory only', async () => {
  await withFolder(async (folder) => {
    for (const [version, args] of [
      ['2', []],
      ['0', ['--at', '0']],
    ] as const) {
      const target = join(folder, version);
      const { stdout } = await attnrl('export', kept.run, target, ...args);
      expect(stdout).toContain(`policy ${version} of ${kept.run}`);
      expect(await readFile(join(target, 'config.json'), 'utf8')).toContain('Qwen2');
    }
    await inspectCheckpoint(join(folder, '0'));
    const full = join(folder, 'full');
    await mkdir(full);
    await writeFile(join(full, 'thesis.tex'), 'all of it');
    const { code, stderr } = await attnrl('export', kept.run, full);
    expect(code).toBe(2);
    expect(stderr).toContain('not empty');
    expect(await readFile(join(full, 'thesis.tex'), 'utf8')).toBe('all of it');
  });
});

it('fork: starts a run behind the iteration, with the settings; refuses wrong ones before', async () => {
  const { stdout } = await attnrl(
    'fork',
    kept.run,
    '--at',
    '1',
    '--set',
    'learningRate=1e-5',
    'iterations=5',
    '--json',
  );
  const { run, record } = JSON.parse(stdout) as { run: string; record: string };
  const handle = temporal.environment.client.workflow.getHandle(run);
  const { events } = await handle.fetchHistory();
  const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  const form = JSON.parse(Buffer.from(input!).toString()) as object;
  expect(form).toMatchObject({ iterations: 5, update: { learningRate: 1e-5 }, from: { record: { sha256: record } } });
  await handle.terminate('the test is over');
  const { code, stderr } = await attnrl('fork', kept.run, '--at', '1', '--set', 'update.learningRate=-1');
  expect(code).toBe(2);
  expect(stderr).toContain('update.learningRate');
});

it('gc: a dry run by default', async () => {
  const { code, stdout } = await attnrl('gc');
  expect(code).toBe(0);
  expect(stdout).toContain('nothing was removed');
  const { stdout: json } = await attnrl('gc', '--delete', '--json');
  expect(JSON.parse(json)).toMatchObject({
    removed: { objects: 0 },
    needed: { objects: expect.any(Number) as number },
  });
});

it('names the runs that there are, where one is unknown', async () => {
  const { code, stderr } = await attnrl('audit', 'nobody');
  expect(code).toBe(2);
  expect(stderr).toContain(kept.run);
});
