import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { readEnvironment } from '../../contracts/environment.js';
import { checkEncryption, checkMonitor } from './deployment.js';
import { checkQueues } from './queues.js';
import type { Finding } from './finding.js';
import { checkTensorFlow } from './tensorflow.js';
import { failureOf } from '../errors.js';
import { findSession, type Session } from '../session.js';

const GIGABYTE = 2 ** 30;
/** A default run writes some 100 MB: weights and optimiser state of every iteration. */
const ROOM_WANTED = GIGABYTE;
const PROBE_LIMIT_MS = 120_000;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check the server, the workers, the store and the engine, and say what to do about what is wrong')
    .option('-m, --model <directory>', 'checkpoint to try the engine on', 'models/straight-line')
    .option('--json', 'an array of JSON objects')
    .action(doctor);
}

async function doctor({ model, json }: { model: string; json?: boolean }): Promise<void> {
  const findings: Finding[] = [];
  const report = (finding: Finding): void => {
    findings.push(finding);
    if (!json) console.log(lineOf(finding));
  };
  report(await checkStore());
  report(await checkEngine(model));
  report(await checkTensorFlow());
  report(await checkEncryption());
  const monitor = await checkMonitor();
  if (monitor) report(monitor);
  const { session, finding } = await checkServer();
  report(finding);
  if (session) {
    for await (const queue of checkQueues(session)) report(queue);
    await session.close();
  }
  if (json) console.log(JSON.stringify(findings));
  if (findings.some(({ state }) => state === 'fail')) process.exitCode = 1;
}

function lineOf({ check, state, found, remedy }: Finding): string {
  const mark = { ok: '✓', warn: '!', fail: '✗' }[state];
  return `${mark} ${check}: ${found}${remedy === undefined ? '' : `\n  → ${remedy}`}`;
}

async function checkServer(): Promise<{ session: Session | undefined; finding: Finding }> {
  const check = 'Temporal server';
  try {
    const session = await findSession();
    if (!session) {
      const remedy = '`npm start` starts one; or set TEMPORAL_ADDRESS to one of yours';
      return { session, finding: { check, state: 'warn', found: 'none runs', remedy } };
    }
    const { address, namespace } = session.server;
    await session.client.workflowService.describeNamespace({ namespace });
    return { session, finding: { check, state: 'ok', found: `${address}, namespace ${namespace}` } };
  } catch (error) {
    const remedy = 'check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and credentials, or that the server runs';
    return { session: undefined, finding: { check, state: 'fail', found: failureOf(error).message, remedy } };
  }
}

async function checkStore(): Promise<Finding> {
  const { home } = readEnvironment(process.env);
  const check = `store ${home}`;
  try {
    await mkdir(home, { recursive: true });
    const probe = join(home, `.doctor-${process.pid}`);
    await writeFile(probe, 'doctor');
    await rm(probe);
    const { bavail, bsize } = await statfs(home);
    const found = `writable, ${((bavail * bsize) / GIGABYTE).toFixed(1)} GB free`;
    if (bavail * bsize >= ROOM_WANTED) return { check, state: 'ok', found };
    return {
      check,
      state: 'warn',
      found,
      remedy: 'a run may fill the disk: make room, or set ATTNRL_HOME to another one',
    };
  } catch (error) {
    const remedy = 'make the folder writable, or set ATTNRL_HOME to another one';
    return { check, state: 'fail', found: failureOf(error).message, remedy };
  }
}

async function checkEngine(model: string): Promise<Finding> {
  const check = 'engine';
  const script = fileURLToPath(new URL('../../workers/probe-engine.js', import.meta.url));
  const answer = await new Promise<{ problem?: string; tokens?: number; seconds?: number }>((resolve) => {
    execFile(process.execPath, [script, model], { timeout: PROBE_LIMIT_MS }, (error, stdout, stderr) => {
      const line = stdout.trim().split('\n').at(-1) ?? '';
      resolve(
        line.startsWith('{') ? (JSON.parse(line) as object) : { problem: stderr.trim() || String(error?.message) },
      );
    });
  });
  if (answer.problem === undefined) {
    const found = `generated ${answer.tokens} tokens on ${model} in ${answer.seconds?.toFixed(1)} s, start included`;
    return { check, state: 'ok', found };
  }
  const remedy = 'check the model directory; if it is whole, reinstall: `rm -rf node_modules && npm run setup`';
  return { check, state: 'fail', found: answer.problem, remedy };
}
