/** All processes of a training on this machine, each for itself, as if each had a machine of its own. */
import { fork, spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROLES, type Role } from '../../contracts/protocol/queues.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/protocol/search-attributes.js';
import { devServerCommand, freePorts } from '../../cli/temporal/dev-server.js';
import { Supervised } from './supervised.js';

/** Two rollout workers share the work; the others have no need of a second. */
export const WORKERS: readonly { readonly name: string; readonly role: Role }[] = ROLES.flatMap((role) =>
  (role === 'rollout' ? ['rollout 1', 'rollout 2'] : [role]).map((name) => ({ name, role })),
);

export const SERVER = 'server';
/** What can be killed: processes by name, the engine process of a worker, and all at once. */
export const VICTIMS = [
  SERVER,
  ...WORKERS.map(({ name }) => name),
  ...['rollout 1', 'rollout 2', 'learner'].map((name) => `engine of ${name}`),
  'everything',
];

/** Workers run compiled, also where this file is run from its source (tests). */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COMPILED = ROOT.endsWith('/dist/') ? ROOT : join(ROOT, 'dist');

export class WorkerFleet {
  private constructor(
    readonly address: string,
    readonly namespace: string,
    private readonly processes: readonly Supervised[],
  ) {}

  /** @param home folder of the store, the server's database and logs; `trace.jsonl` there tells what engines generated */
  static async start(home: string): Promise<WorkerFleet> {
    mkdirSync(home, { recursive: true });
    const options = {
      folder: join(home, 'temporal'),
      namespace: 'default',
      searchAttributes: Object.values(SEARCH_ATTRIBUTES),
      env: process.env,
    };
    const { binary, args, server } = await devServerCommand(options, await freePorts());
    const log = (name: string): number => openSync(join(home, `${name.replace(' ', '-')}.log`), 'a');
    const env = {
      ...process.env,
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: server.namespace,
      ATTNRL_HOME: home,
      ATTNRL_TRACE: traceFile(home),
    };
    const processes = [
      new Supervised(SERVER, () => spawn(binary, args, { stdio: ['ignore', log(SERVER), log(SERVER)] })),
      ...WORKERS.map(({ name, role }) => {
        const entry = join(COMPILED, 'workers', `${role}.js`);
        return new Supervised(name, () => fork(entry, [], { stdio: ['ignore', log(name), log(name), 'ipc'], env }));
      }),
    ];
    for (const process of processes) process.start();
    return new WorkerFleet(server.address, server.namespace, processes);
  }

  /** False when the victim is not there just now. */
  async kill(victim: string, signal: NodeJS.Signals): Promise<boolean> {
    if (victim === 'everything') return this.processes.map((one) => one.kill('SIGKILL')).some(Boolean);
    const worker = /^engine of (.*)$/.exec(victim)?.[1];
    const named = this.processes.find(({ name }) => name === (worker ?? victim));
    if (!named) throw new RangeError(`nothing here is called "${victim}"`);
    if (worker === undefined) return named.kill(signal);
    const [engine] = named.pid === undefined ? [] : await childrenOf(named.pid);
    if (engine === undefined) return false;
    process.kill(engine, 'SIGKILL');
    return true;
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.stop()));
  }
}

export function traceFile(home: string): string {
  return join(home, 'trace.jsonl');
}

/** Linux tells by a file; elsewhere engines are not killed by themselves. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}
