import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InvalidEnvironment } from '../../contracts/environment.js';
import {
  EncryptionCodec,
  PayloadDamaged,
  PayloadKeyMissing,
  type PayloadKey,
} from '../../contracts/protocol/payload-codec.js';
import { payloadCodec } from '../../contracts/protocol/payload-encryption.js';
import { withFolder } from '../support/temporal.js';

const key = (id: string): PayloadKey => ({ id, secret: randomBytes(32) });
const [old, current] = [key('2026-10'), key('2026-11')];
const codec = new EncryptionCodec([current, old]);
const bytes = (text: string): Uint8Array => Buffer.from(text);
const payload = { metadata: { encoding: bytes('json/plain') }, data: bytes('{"learningRate":0.1}') };

describe('encryption', () => {
  it('gives back what it was given, metadata included', async () => {
    const metadata = fc.dictionary(fc.string(), fc.uint8Array());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record({ metadata, data: fc.uint8Array() })), async (payloads) => {
        const decoded = await codec.decode(await codec.encode(payloads));
        expect(decoded.map(({ metadata, data }) => [plain(metadata), [...data!]])).toEqual(
          payloads.map(({ metadata, data }) => [plain(metadata), [...data]]),
        );
      }),
    );
  });

  it('shows nothing but the id of the key, and never the same twice', async () => {
    const [first, second] = await codec.encode([payload, payload]);
    expect(Buffer.from(first.metadata!['encryption-key-id']).toString()).toBe('2026-11');
    expect(Buffer.from(first.data!).includes('learningRate')).toBe(false);
    expect(first.data).not.toEqual(second.data);
  });

  it('decrypts what an older key encrypted, and leaves alone what nobody encrypted', async () => {
    const before = await new EncryptionCodec([old]).encode([payload]);
    const decoded = await codec.decode([...before, payload]);
    for (const { data } of decoded) expect(Buffer.from(data!)).toEqual(payload.data);
  });

  it('names the key it lacks', async () => {
    const unknown = await new EncryptionCodec([key('lost')]).encode([payload]);
    await expect(codec.decode(unknown)).rejects.toThrow(PayloadKeyMissing);
    await expect(codec.decode(unknown)).rejects.toThrow('"lost"');
  });

  it('refuses a payload in which any bit was changed, or the id of the key', async () => {
    const [sealed] = await codec.encode([payload]);
    for (let i = 0; i < sealed.data!.length; i++) {
      const data = Uint8Array.from(sealed.data!, (byte, at) => (at === i ? byte ^ 1 : byte));
      await expect(codec.decode([{ ...sealed, data }])).rejects.toThrow(PayloadDamaged);
    }
    const renamed = { ...sealed, metadata: { ...sealed.metadata, 'encryption-key-id': bytes('2026-10') } };
    await expect(codec.decode([renamed])).rejects.toThrow(PayloadDamaged);
    await expect(codec.decode([{ ...sealed, data: new Uint8Array(3) }])).rejects.toThrow(PayloadDamaged);
  });
});

/** fast-check makes dictionaries without a prototype. */
function plain(metadata: Readonly<Record<string, Uint8Array>> | null | undefined): [string, number[]][] {
  return Object.entries(metadata ?? {})
    .map(([name, value]): [string, number[]] => [name, [...value]])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('keys of the environment', () => {
  const entry = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

  it('encrypts nothing unless asked', () => {
    expect(payloadCodec({})).toBeUndefined();
  });

  it('takes the first for encryption, from the variable or from a file', async () => {
    await withFolder(async (folder) => {
      const keys = [entry('b'), entry('a')];
      const file = join(folder, 'keys');
      await writeFile(file, `${keys.join('\n')}\n`);
      for (const env of [{ ATTNRL_PAYLOAD_KEYS: keys.join(',') }, { ATTNRL_PAYLOAD_KEYS_FILE: file }]) {
        const [sealed] = await payloadCodec(env)!.encode([payload]);
        expect(Buffer.from(sealed.metadata!['encryption-key-id']).toString()).toBe('b');
      }
    });
  });

  it.each(['', 'a', 'a:', `a:${randomBytes(16).toString('base64')}`, `${entry('a')},${entry('a')}`])(
    'refuses "%s" without repeating it',
    (value) => {
      const read = (): unknown => payloadCodec({ ATTNRL_PAYLOAD_KEYS: value });
      expect(read).toThrow(InvalidEnvironment);
      const secret = value.split(/[:,]/)[1];
      if (secret) expect(read).not.toThrow(secret);
    },
  );

  it('says which file is missing', () => {
    expect(() => payloadCodec({ ATTNRL_PAYLOAD_KEYS_FILE: '/nowhere/keys' })).toThrow('/nowhere/keys');
  });
});
