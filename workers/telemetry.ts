import { createServer, type AddressInfo } from 'node:net';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { SECONDS_BUCKETS } from './metrics.js';

const ATTEMPTS = 3;

export interface Telemetry {
  readonly runtime: Runtime;
  /** Where the SDK's exporter answers. */
  readonly metricsUrl: string;
}

/**
 * Installs the SDK's runtime with its Prometheus exporter on a loopback port of its own: the exporter does not tell which
 * port it took, so one is chosen here, and another one if somebody takes it in between.
 */
export async function installTelemetry(): Promise<Telemetry> {
  for (let attempt = 1; ; attempt++) {
    const bindAddress = `127.0.0.1:${await freePort()}`;
    try {
      const runtime = Runtime.install({
        logger: new DefaultLogger('WARN'),
        telemetryOptions: { metrics: { prometheus: { bindAddress, histogramBucketOverrides: SECONDS_BUCKETS } } },
      });
      return { runtime, metricsUrl: `http://${bindAddress}/metrics` };
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
