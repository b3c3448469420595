import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { openServices } from '../activities/open-services.js';
import { readEnvironment } from '../contracts/environment.js';
import type { Role } from '../contracts/queues.js';
import type { WorkerMessage } from '../contracts/worker-messages.js';
import { createWorkers } from './create-workers.js';
import { watchEventLoop } from './event-loop.js';

/** Made by the build, so that workers start fast and all run the same code. */
const BUNDLE = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));

/**
 * Serves the queues of the roles until SIGINT, SIGTERM, or the end of the process that started this one: then no new work
 * is taken, and what runs gets the grace time. Exit code 1 when it could not serve.
 */
export async function serve(roles: readonly Role[]): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const { home, queuePrefix: prefix, version } = readEnvironment(process.env);
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  const services = await openServices(home);
  try {
    const workflowBundle = { codePath: BUNDLE };
    const workers = await createWorkers({ connection, namespace, prefix, roles, services, workflowBundle, version });
    const delays = watchEventLoop();
    const stop = (): void =>
      workers.filter((worker) => worker.getState() === 'RUNNING').forEach((worker) => worker.shutdown());
    process.once('disconnect', stop);
    // One worker that fails takes the others with it: a process that serves half its queues looks healthy and is not.
    const running = Promise.all(workers.map((worker) => worker.run().finally(stop)));
    tell({ kind: 'ready' });
    await running;
    tell({ kind: 'event-loop-delay', milliseconds: delays() });
  } finally {
    await services.close();
    await connection.close();
  }
}

/** Runs `serve` as the whole process. */
export function main(roles: readonly Role[]): void {
  serve(roles).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}
