import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCodecServer } from '../../cli/codec-server.js';
import { EncryptionCodec } from '../../contracts/protocol/payload-codec.js';
import { startChild } from '../support/process.js';

const UI = 'http://localhost:8233';
const secret = randomBytes(32);
const codec = new EncryptionCodec([{ id: 'k', secret }]);
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const payloads = [{ metadata: { encoding: base64('json/plain') }, data: base64('{"seed":7}') }];

let server: Server;
let url: string;
beforeAll(async () => {
  server = await openCodecServer(codec, { host: '127.0.0.1', port: 0, origins: [UI] });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server?.close());

function post(path: string, body: unknown, origin = UI, at = url): Promise<Response> {
  return fetch(`${at}${path}`, {
    method: 'POST',
    headers: { origin, 'x-namespace': 'default' },
    body: JSON.stringify(body),
  });
}

it('encrypts what the UI starts and decrypts what it shows', async () => {
  const encoded = (await (await post('/encode', { payloads })).json()) as { payloads: typeof payloads };
  expect(encoded.payloads[0].metadata.encoding).toBe(base64('binary/encrypted'));
  const response = await post('/decode', encoded);
  expect(response.headers.get('access-control-allow-origin')).toBe(UI);
  expect(await response.json()).toEqual({ payloads });
});

it('answers the browser that asks first', async () => {
  const headers = {
    origin: UI,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'x-namespace',
  };
  const response = await fetch(`${url}/decode`, { method: 'OPTIONS', headers });
  expect(response.status).toBe(204);
  expect(response.headers.get('access-control-allow-headers')).toContain('x-namespace');
});

it('serves no other page, route or damaged payload', async () => {
  expect((await post('/decode', { payloads }, 'http://evil.example')).status).toBe(403);
  expect((await post('/other', { payloads })).status).toBe(404);
  const damaged = {
    metadata: { encoding: base64('binary/encrypted'), 'encryption-key-id': base64('k') },
    data: 'AAAA',
  };
  expect((await post('/decode', { payloads: [damaged] })).status).toBe(400);
  expect((await fetch(`${url}/decode`, { method: 'POST', body: '{' })).status).toBe(400);
});

it('runs as a command, and ends on a signal', async () => {
  const child = await startChild(
    [process.execPath, 'dist/cli/main.js', 'codec-server', '--port', '0', '--origin', UI],
    {
      env: { ATTNRL_PAYLOAD_KEYS: `k:${secret.toString('base64')}` },
      until: /codec endpoint (\S+)/,
    },
  );
  const encoded = await codec.encode([{ metadata: {}, data: Buffer.from('hello') }]);
  const sent = encoded.map(({ metadata, data }) => ({
    metadata: Object.fromEntries(Object.entries(metadata!).map(([k, v]) => [k, Buffer.from(v).toString('base64')])),
    data: Buffer.from(data!).toString('base64'),
  }));
  const response = await post('/decode', { payloads: sent }, UI, child.matched[1]);
  expect(await response.json()).toEqual({ payloads: [{ metadata: {}, data: base64('hello') }] });
  expect(await child.stop()).toBe(0);
});
