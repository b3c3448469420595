/** TLS, API keys and profiles of Temporal's envconfig reach every connection. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { ROOT, startChild } from '../support/process.js';
import { withFolder } from '../support/temporal.js';

/** They connect to a development server that they started: on loopback, it knows neither TLS nor keys. */
const TO_OWN_SERVERS = ['cli/temporal/dev-server.ts', 'tools/chaos/training.ts', 'tools/bench/orchestration.ts'];

it('every source file that connects reads the configuration by envconfig', () => {
  const files = [
    'cli',
    'workers',
    'scripts',
    'activities',
    'services',
    'durability',
    'runs',
    'contracts',
    'tools',
  ].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  );
  const texts = files
    .filter((file) => /\.m?[jt]s$/.test(file) && !TO_OWN_SERVERS.includes(file))
    .map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));
  const connecting = texts.filter(({ text }) => /\b(Native)?Connection\.(connect|create|lazy)\(/.test(text));
  expect(connecting.length).toBeGreaterThanOrEqual(3);
  for (const { file, text } of connecting) expect(text, file).toContain('loadClientConnectConfig(');
});

/** Profiles with mutual TLS, and one with a key. */
function config(address: string): string {
  return [
    '[profile.mutual]',
    'address = "temporal.example:7233"',
    'namespace = "training"',
    '[profile.mutual.tls]',
    'client_cert_data = "certificate"',
    'client_key_data = "key"',
    'server_ca_cert_data = "authority"',
    'server_name = "temporal.example"',
    // The certificates of this folder end in 2126, and prove nothing to anybody else.
    ...Object.entries({ proving: 'temporal.example', deceived: 'another.example' }).flatMap(([name, server]) => [
      ...secured(name, address, server),
      `client_cert_path = "${certificate('client')}"`,
      `client_key_path = "${certificate('client.key')}"`,
    ]),
    ...secured('unproved', address, 'temporal.example'),
    '[profile.keyed]',
    `address = "${address}"`,
    'namespace = "training"',
    'api_key = "secret-key"',
    '[profile.keyed.tls]',
    'disabled = true',
  ].join('\n');
}

function secured(name: string, address: string, server: string): string[] {
  return [
    `[profile.${name}]`,
    `address = "${address}"`,
    `[profile.${name}.tls]`,
    `server_ca_cert_path = "${certificate('authority')}"`,
    `server_name = "${server}"`,
  ];
}

function certificate(name: string): string {
  return join(ROOT, 'test', 'cli', 'certificates', `${name}.pem`);
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it('a profile gives certificates, authority and server name', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'temporal.toml');
    await writeFile(file, config('unused:1'));
    const overrideEnvVars = { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'mutual' };
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars });
    expect(namespace).toBe('training');
    expect(connectionOptions).toMatchObject({
      address: 'temporal.example:7233',
      tls: {
        serverNameOverride: 'temporal.example',
        clientCertPair: { crt: bytes('certificate'), key: bytes('key') },
        serverRootCACertificate: bytes('authority'),
      },
    });
  });
});

const COMMANDS = [
  ['the command', 'dist/cli/main.js status'],
  ['a worker', 'dist/workers/verifier.js'],
] as const;

/** Runs the command on a server that tells all that reach it to go away, and gives what they sent. */
async function seenBy(
  server: Http2Server | Http2SecureServer,
  profile: string,
  command: string,
): Promise<{ headers: IncomingHttpHeaders; client: string | undefined }[]> {
  const seen: { headers: IncomingHttpHeaders; client: string | undefined }[] = [];
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const { socket } = stream.session!;
    seen.push({
      headers,
      client: socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : undefined,
    });
    // UNAUTHENTICATED: enough to end a command.
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16' }, { endStream: true });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  try {
    await withFolder(async (folder) => {
      const file = join(folder, 'temporal.toml');
      await writeFile(file, config(`127.0.0.1:${(server.address() as AddressInfo).port}`));
      const env = { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: profile, ATTNRL_HOME: folder };
      const ended = startChild([process.execPath, ...command.split(' ')], { env, until: /never/ });
      await expect(ended).rejects.toThrow();
    });
  } finally {
    server.close();
  }
  return seen;
}

it.each(COMMANDS)('%s sends the key of the profile', async (_, command) => {
  const seen = await seenBy(createServer(), 'keyed', command);
  expect(seen.length).toBeGreaterThan(0);
  for (const { headers } of seen) expect(headers.authorization).toBe('Bearer secret-key');
});

it.each(COMMANDS)('%s proves itself to a server that asks for it, and checks that server', async (_, command) => {
  const [ca, cert, key] = ['authority', 'server', 'server.key'].map((name) => readFileSync(certificate(name)));
  const asking = (): Http2SecureServer => createSecureServer({ ca, cert, key, requestCert: true });
  const seen = await seenBy(asking(), 'proving', command);
  expect(new Set(seen.map(({ client }) => client))).toEqual(new Set(['client of tests']));
  expect(await seenBy(asking(), 'unproved', command)).toEqual([]);
  expect(await seenBy(asking(), 'deceived', command)).toEqual([]);
});
