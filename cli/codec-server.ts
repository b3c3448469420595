/** Decrypts payloads for Temporal's UI and command line: https://docs.temporal.io/codec-server */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command } from 'commander';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { InvalidEnvironment } from '../contracts/environment.js';
import { payloadCodec } from '../contracts/protocol/payload-encryption.js';

/** As much as Temporal's messages may hold, in base64, with room. */
const BODY_LIMIT = 16 * 2 ** 20;

interface CodecServerOptions {
  readonly host: string;
  readonly port: string;
  readonly origin: readonly string[];
}

export function codecServerCommand(): Command {
  return new Command('codec-server')
    .description(
      "decrypt payloads for Temporal's UI (its codec endpoint) until Ctrl-C; whoever reaches it can read runs",
    )
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('-p, --port <number>', '0: any free port', '8089')
    .option('--origin <url...>', 'where the UI is', ['http://localhost:8233', 'http://127.0.0.1:8233'])
    .action(run);
}

async function run({ host, port, origin }: CodecServerOptions): Promise<void> {
  const codec = payloadCodec(process.env);
  if (!codec) throw new InvalidEnvironment('ATTNRL_PAYLOAD_KEYS', 'it is not set, so nothing is encrypted');
  const server = await openCodecServer(codec, { host, port: Number(port), origins: origin });
  console.log(`codec endpoint http://${host}:${(server.address() as AddressInfo).port} for ${origin.join(', ')}`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  server.close();
  server.closeAllConnections();
}

export async function openCodecServer(
  codec: PayloadCodec,
  { host, port, origins }: { host: string; port: number; origins: readonly string[] },
): Promise<Server> {
  const routes: Record<string, PayloadCodec['decode']> = {
    '/encode': (payloads) => codec.encode(payloads),
    '/decode': (payloads) => codec.decode(payloads),
  };
  const server = createServer((request, response) => {
    const { origin } = request.headers;
    // A page of somebody else's must not use the browser of a person who may reach us.
    if (origin !== undefined && !origins.includes(origin)) return void response.writeHead(403).end();
    if (origin !== undefined) allow(response, origin);
    if (request.method === 'OPTIONS') return void response.writeHead(204).end();
    const work = routes[request.url ?? ''];
    if (request.method !== 'POST' || !work) return void response.writeHead(404).end();
    answer(request, response, work).catch((error: unknown) => {
      response.writeHead(400, { 'content-type': 'text/plain' }).end(String(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return server;
}

function allow(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-methods', 'POST, OPTIONS');
  response.setHeader('access-control-allow-headers', 'content-type, x-namespace, authorization');
  response.setHeader('vary', 'origin');
}

/** A payload in JSON: bytes are base64. */
interface JsonPayload {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly data?: string;
}

async function answer(request: IncomingMessage, response: ServerResponse, work: PayloadCodec['decode']): Promise<void> {
  const { payloads = [] } = JSON.parse(await bodyOf(request)) as { payloads?: JsonPayload[] };
  const done = await work(payloads.map(fromJson));
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ payloads: done.map(toJson) }));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_LIMIT) throw new RangeError(`more than ${BODY_LIMIT} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function fromJson({ metadata = {}, data = '' }: JsonPayload): Payload {
  const bytes = Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value, 'base64')]);
  return { metadata: Object.fromEntries(bytes) as Payload['metadata'], data: Buffer.from(data, 'base64') };
}

function toJson({ metadata, data }: Payload): JsonPayload {
  const texts = Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return {
    metadata: Object.fromEntries(texts) as JsonPayload['metadata'],
    data: Buffer.from(data ?? []).toString('base64'),
  };
}
