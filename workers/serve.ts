import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { openServices } from '../services/open-services.js';
import { readEnvironment } from '../contracts/environment.js';
import { dataConverter } from '../contracts/protocol/payload-encryption.js';
import type { Role } from '../contracts/protocol/queues.js';
import type { WorkerMessage } from '../contracts/protocol/worker-messages.js';
import { createWorkers } from './create-workers.js';
import { watchEventLoop } from './event-loop.js';
import { checkHealth } from './health.js';
import { measuredServices } from './measured-services.js';
import { createMetrics, measureActivities } from './metrics.js';
import { openMonitor, type Monitor } from './monitor.js';
import { installTelemetry } from './telemetry.js';

/** Made by the build, so that workers start fast and all run the same code. */
function bundle(encrypted: boolean): string {
  return fileURLToPath(new URL(`../workflow-bundle${encrypted ? '-encrypted' : ''}.js`, import.meta.url));
}

/**
 * Serves the queues of the roles until SIGINT, SIGTERM, or the end of the process that started this one: then no new work
 * is taken, and what runs gets the grace time. Exit code 1 when it could not serve.
 */
export async function serve(roles: readonly Role[]): Promise<void> {
  const { home, queuePrefix: prefix, version, monitor: address } = readEnvironment(process.env);
  const { runtime, metricsUrl } = await installTelemetry();
  const metrics = createMetrics(runtime.metricMeter);
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  const opened = await openServices(home);
  const services = measuredServices(opened, metrics);
  const converter = dataConverter(process.env);
  const workflowBundle = { codePath: bundle(converter !== undefined) };
  const interceptors = { activity: [measureActivities(metrics)] };
  const workers: Worker[] = [];
  const health = () => checkHealth({ workers, connection, engines: opened.silence });
  let monitor: Monitor | undefined;
  try {
    monitor = await openMonitor(address, { health, metricsUrl });
    console.log(`${roles.join(', ')}: ${monitor.url}/healthz and /metrics`);
    const options = { connection, namespace, prefix, roles, services, workflowBundle, version, interceptors };
    workers.push(...(await createWorkers({ ...options, ...(converter && { dataConverter: converter }) })));
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
    await monitor?.close();
    await opened.close();
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
