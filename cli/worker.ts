import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Argument, Command } from 'commander';
import { ROLES } from '../contracts/protocol/queues.js';
import { openSession } from './session.js';

const ALL = 'all-in-one';

export function workerCommand(): Command {
  return new Command('worker')
    .description('serve task queues until Ctrl-C; any number of workers on any number of machines may do so')
    .addArgument(new Argument('[role]', 'which activities to run').choices([ALL, ...ROLES]).default(ALL))
    .action(work);
}

async function work(role: string): Promise<void> {
  const session = await openSession();
  await session.close();
  const { address, namespace } = session.server;
  console.log(`worker ${role} on ${address}, namespace ${namespace}; Ctrl-C ends it`);
  const child = fork(fileURLToPath(new URL(`../workers/${role}.js`, import.meta.url)), [], {
    env: { ...process.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
  });
  // Both get a Ctrl-C of the terminal; a SIGTERM that only we get is passed on. The child ends in its own time.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (code !== 0) throw new Error(`the worker ended with ${signal ?? `exit code ${code}`}`);
}
