/** `/healthz` and `/metrics` of a worker process. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ListenAddress } from '../contracts/environment.js';
import { monitorUrl } from '../contracts/protocol/monitor-url.js';
import type { Health } from './health.js';

export interface Monitor {
  /** Without a path, as this machine reaches it. */
  readonly url: string;
  close(): Promise<void>;
}

export interface MonitorSources {
  readonly health: () => Promise<Health>;
  /** Where the SDK's exporter answers. */
  readonly metricsUrl: string;
}

/** Rejects when the address cannot be listened on. */
export async function openMonitor(address: ListenAddress, { health, metricsUrl }: MonitorSources): Promise<Monitor> {
  const pages: Record<string, (response: ServerResponse) => Promise<unknown>> = {
    '/healthz': async (response) => {
      const report = await health();
      response.writeHead(report.healthy ? 200 : 503, { 'content-type': 'application/json' });
      return response.end(`${JSON.stringify(report)}\n`);
    },
    '/metrics': async (response) => {
      const exported = await fetch(metricsUrl);
      response.writeHead(exported.status, { 'content-type': exported.headers.get('content-type') ?? 'text/plain' });
      return response.end(await exported.text());
    },
  };
  const server = createServer((request, response) => {
    const page = pages[request.url ?? ''];
    if (page === undefined) response.writeHead(404).end(`try ${Object.keys(pages).join(' or ')}\n`);
    else if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end();
    else page(response).catch((error: unknown) => response.writeHead(500).end(`${String(error)}\n`));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(address.port, address.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: monitorUrl({ ...address, port }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
