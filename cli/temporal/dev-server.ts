/**
 * The development server of the Temporal CLI as a process of its own, known by a file that names it:
 *
 *     temporal/server.json   process id and addresses
 *     temporal/temporal.db   runs
 *     temporal/server.log
 */
import { Connection } from '@temporalio/client';
import { spawn } from 'node:child_process';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findTemporal } from '../../scripts/temporal-binary.mjs';
import { ifAbsent } from '../../store/absent.js';
import { commandOf, isAlive } from './process.js';
import { typeName, type SearchAttribute } from './search-attributes.js';

export interface DevServer {
  readonly pid: number;
  readonly address: string;
  readonly uiUrl: string;
  readonly namespace: string;
}

export interface StartOptions {
  readonly folder: string;
  readonly namespace: string;
  readonly searchAttributes: readonly SearchAttribute[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** There is no `temporal` executable on this machine. */
export class TemporalBinaryMissing extends Error {
  override readonly name = 'TemporalBinaryMissing';
  constructor(readonly reasons: readonly string[]) {
    super(
      `No Temporal server to start (${reasons.join('; ')}). \`npm run setup\` fetches one; or set TEMPORAL_ADDRESS.`,
    );
  }
}

/** The development server did not come up. */
export class DevServerFailed extends Error {
  override readonly name = 'DevServerFailed';
  constructor(
    readonly log: string,
    lastLines: string,
  ) {
    super(`The Temporal development server did not start, see ${log}. Its last words:\n${lastLines}`);
  }
}

/** It died, and could not get its address again. */
export class DevServerMoved extends Error {
  override readonly name = 'DevServerMoved';
  constructor(from: string, to: string) {
    super(
      `The Temporal development server died, and another program has taken ${from}: it is now at ${to}. Its runs are there; ` +
        '`npm start` goes on with them.',
    );
  }
}

const HOST = '127.0.0.1';
const FIRST_PORT = 7233;
const FIRST_UI_PORT = 8233;
/** A first start makes the database: seconds on a fast disk. */
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;

/** The server the file names, if that process still is one of ours. */
export async function readServer(folder: string): Promise<DevServer | undefined> {
  const server = await readState(folder);
  return server && (await runs(server, folder)) ? server : undefined;
}

/** Answers within the limit, and has its namespace. */
export async function isHealthy({ address, namespace }: DevServer, limitMs = 5000): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: limitMs }).catch(() => undefined);
  if (!connection) return false;
  return connection
    .withDeadline(Date.now() + limitMs, () => connection.workflowService.describeNamespace({ namespace }))
    .then(
      () => true,
      () => false,
    )
    .finally(() => connection.close());
}

/** The command that serves runs from the folder's database. */
export async function devServerCommand(
  options: StartOptions,
  [port, uiPort]: readonly [number, number],
): Promise<{ binary: string; args: string[]; server: Omit<DevServer, 'pid'> }> {
  const binary = await temporalBinary(options.env);
  await mkdir(options.folder, { recursive: true });
  const { namespace } = options;
  return {
    binary,
    args: serverArguments(options, port, uiPort),
    server: { address: `${HOST}:${port}`, uiUrl: `http://localhost:${uiPort}`, namespace },
  };
}

/** The server that the file names, where it died; one that was stopped did not. */
export async function deadServer(folder: string): Promise<DevServer | undefined> {
  const server = await readState(folder);
  return server && !(await runs(server, folder)) ? server : undefined;
}

export async function startDevServer(options: StartOptions): Promise<DevServer> {
  const { folder } = options;
  const { binary, args, server: described } = await devServerCommand(options, await portsFor(folder));
  const log = join(folder, 'server.log');
  const output = await open(log, 'a');
  // Detached: it lives on when this process ends, and does not get the terminal's Ctrl-C.
  const child = spawn(binary, args, {
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
  });
  const ended = new Promise<false>((resolve) =>
    child.once('error', () => resolve(false)).once('exit', () => resolve(false)),
  );
  child.unref();
  await output.close();
  const server = { pid: child.pid ?? 0, ...described };
  if (!(await comesUp(server, ended))) {
    child.kill('SIGKILL');
    throw new DevServerFailed(log, (await readFile(log, 'utf8')).split('\n').slice(-8).join('\n'));
  }
  await writeState(folder, server);
  return server;
}

/** True when there was one to stop. */
export async function stopDevServer(folder: string): Promise<boolean> {
  const server = await readServer(folder);
  await rm(stateFile(folder), { force: true });
  if (!server) return false;
  process.kill(server.pid, 'SIGTERM');
  for (let waited = 0; waited < STOP_LIMIT_MS && isAlive(server.pid); waited += 100) await sleep(100);
  if (isAlive(server.pid)) process.kill(server.pid, 'SIGKILL');
  return true;
}

function serverArguments(
  { folder, namespace, searchAttributes }: StartOptions,
  port: number,
  uiPort: number,
): string[] {
  return [
    ...['server', 'start-dev', '--ip', HOST, '--port', String(port), '--ui-port', String(uiPort)],
    ...['--namespace', namespace, '--db-filename', database(folder), '--log-level', 'warn'],
    // Activities of a worker that has a free slot start without a round trip: a third less time per activity.
    ...['--dynamic-config-value', 'system.enableActivityEagerExecution=true'],
    ...searchAttributes.flatMap((key) => ['--search-attribute', `${key.name}=${typeName(key)}`]),
  ];
}

async function temporalBinary(env: StartOptions['env']): Promise<string> {
  const attempts = await findTemporal(env);
  const found = attempts.at(-1)?.found;
  if (!found)
    throw new TemporalBinaryMissing(
      attempts.map(({ place, ...rest }) => `${place}: ${'reason' in rest ? rest.reason : ''}`),
    );
  return found.path;
}

async function comesUp(server: DevServer, ended: Promise<false>): Promise<boolean> {
  let over = false;
  void ended.then(() => (over = true));
  const deadline = performance.now() + START_LIMIT_MS;
  while (!over && performance.now() < deadline) {
    const healthy = await Promise.race([isHealthy(server, 500), ended]);
    if (healthy) return !over;
  }
  return false;
}

/** Those that the folder's last server had, so that whoever was connected goes on; others where they are taken. */
async function portsFor(folder: string): Promise<[number, number]> {
  const before = await readState(folder);
  if (!before) return freePorts();
  const [port, uiPort] = [`http://${before.address}`, before.uiUrl].map((url) => Number(new URL(url).port));
  return (await isFree(port)) && (await isFree(uiPort)) ? [port, uiPort] : freePorts();
}

/** For a server and its UI. */
export async function freePorts(): Promise<[number, number]> {
  return [await firstFree(FIRST_PORT), await firstFree(FIRST_UI_PORT)];
}

async function firstFree(first: number): Promise<number> {
  for (let port = first; port < first + 500; port++) if (await isFree(port)) return port;
  throw new Error(`no free port from ${first} to ${first + 499}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(false))
      .listen(port, () => server.close(() => resolve(true)));
  });
}

async function readState(folder: string): Promise<DevServer | undefined> {
  const text = await readFile(stateFile(folder), 'utf8').catch(ifAbsent(undefined));
  return text === undefined ? undefined : (JSON.parse(text) as DevServer);
}

async function runs({ pid }: DevServer, folder: string): Promise<boolean> {
  return (await commandOf(pid)).includes(database(folder));
}

async function writeState(folder: string, server: DevServer): Promise<void> {
  const path = stateFile(folder);
  await writeFile(`${path}.tmp`, `${JSON.stringify(server)}\n`);
  await rename(`${path}.tmp`, path);
}

function stateFile(folder: string): string {
  return join(folder, 'server.json');
}

function database(folder: string): string {
  return join(folder, 'temporal.db');
}
