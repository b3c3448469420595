import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { InvalidEnvironment } from '../environment.js';
import { EncryptionCodec, type PayloadKey } from './payload-codec.js';

/** Module of the failure converter that goes with encryption; the workflow bundle must have been made with it too. */
export const FAILURE_CONVERTER = fileURLToPath(new URL('./encoded-failures.cjs', import.meta.url));

const KEYS = 'ATTNRL_PAYLOAD_KEYS';
const KEYS_FILE = 'ATTNRL_PAYLOAD_KEYS_FILE';

/**
 * The codec that the environment asks for: ATTNRL_PAYLOAD_KEYS, or the file that ATTNRL_PAYLOAD_KEYS_FILE names, holds
 * `id:base64 of 32 bytes`, several separated by commas or line ends.
 * @throws InvalidEnvironment
 */
export function payloadCodec(env: Readonly<Record<string, string | undefined>>): EncryptionCodec | undefined {
  const file = env[KEYS_FILE];
  const value = env[KEYS] ?? (file === undefined ? undefined : readKeys(file));
  if (value === undefined) return undefined;
  const entries = value.split(/[,\s]+/).filter((entry) => entry !== '');
  const [first, ...more] = entries.map(parseKey);
  if (!first) throw new InvalidEnvironment(KEYS, 'it is there, but names no key');
  const ids = new Set(entries.map((entry) => entry.split(':')[0]));
  if (ids.size < entries.length) throw new InvalidEnvironment(KEYS, 'two keys have the same id');
  return new EncryptionCodec([first, ...more]);
}

/** For clients and workers alike; undefined: payloads stay as they are. */
export function dataConverter(env: Readonly<Record<string, string | undefined>>): DataConverter | undefined {
  const codec = payloadCodec(env);
  return codec && { payloadCodecs: [codec], failureConverterPath: FAILURE_CONVERTER };
}

/** Never repeats the entry in its error: it may be a secret. */
function parseKey(entry: string, index: number): PayloadKey {
  const [, id, base64] = /^([\w.-]+):([\w+/-]+=*)$/.exec(entry) ?? [];
  const secret = Buffer.from(base64 ?? '', 'base64');
  if (id === undefined || secret.length !== 32)
    throw new InvalidEnvironment(KEYS, `key ${index + 1} is not of the form id:base64 of 32 bytes`);
  return { id, secret };
}

function readKeys(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidEnvironment(KEYS_FILE, (error as Error).message);
  }
}
