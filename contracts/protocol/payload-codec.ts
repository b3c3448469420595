/**
 * Encryption of what Temporal stores: inputs, results, heartbeats, failures, summaries. Names stay readable: ids, types,
 * queues, search attributes.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto'; // CommonJS: Node sees no named exports in it

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

export interface PayloadKey {
  /** Written beside what it encrypts. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** A payload was encrypted with a key that this process was not given. */
export class PayloadKeyMissing extends Error {
  override readonly name = 'PayloadKeyMissing';
  constructor(readonly keyId: string) {
    super(`a payload is encrypted with the key "${keyId}", which is not among ATTNRL_PAYLOAD_KEYS; add it there`);
  }
}

/** An encrypted payload is not what was encrypted, or the key under its id is another one. */
export class PayloadDamaged extends Error {
  override readonly name = 'PayloadDamaged';
  constructor(
    readonly keyId: string,
    options: ErrorOptions,
  ) {
    super(
      `a payload does not decrypt with the key "${keyId}": it was changed, or that id once meant another key`,
      options,
    );
  }
}

const ENCODING = 'encoding';
const ENCRYPTED = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM over the whole payload, metadata included. Data: nonce, tag, ciphertext. */
export class EncryptionCodec implements PayloadCodec {
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  /** @param keys at least one; the first encrypts, all decrypt: a new key goes in front, an old one stays as long as runs do */
  constructor(private readonly keys: readonly [PayloadKey, ...PayloadKey[]]) {
    this.#keys = new Map(keys.map(({ id, secret }) => [id, secret]));
  }

  /** The first encrypts. */
  get keyIds(): string[] {
    return this.keys.map(({ id }) => id);
  }

  encode(payloads: Payload[]): Promise<Payload[]> {
    return Promise.resolve(payloads.map((payload) => this.#encrypt(payload)));
  }

  /** Leaves alone what is not encrypted. Rejects with `PayloadKeyMissing` or `PayloadDamaged`. */
  decode(payloads: Payload[]): Promise<Payload[]> {
    return new Promise((resolve) => resolve(payloads.map((payload) => this.#decrypt(payload))));
  }

  #encrypt(payload: Payload): Payload {
    const [{ id, secret }] = this.keys;
    // Not a rollout's randomness: a nonce must never come twice, also not in a replay.
    const nonce = randomBytes(NONCE_BYTES);
    const keyId = Buffer.from(id);
    const cipher = createCipheriv(CIPHER, secret, nonce).setAAD(keyId);
    const sealed = [cipher.update(PayloadMessage.encode(payload).finish()), cipher.final()];
    return {
      metadata: { [ENCODING]: Buffer.from(ENCRYPTED), [KEY_ID]: keyId },
      data: Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]),
    };
  }

  #decrypt(payload: Payload): Payload {
    const { metadata, data } = payload;
    if (!metadata || !data || text(metadata[ENCODING]) !== ENCRYPTED) return payload;
    const keyId = text(metadata[KEY_ID]);
    const secret = this.#keys.get(keyId);
    if (!secret) throw new PayloadKeyMissing(keyId);
    try {
      const decipher = createDecipheriv(CIPHER, secret, data.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(keyId))
        .setAuthTag(data.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const opened = [decipher.update(data.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()];
      const { metadata, data: content } = PayloadMessage.decode(Buffer.concat(opened));
      return { metadata, data: content };
    } catch (error) {
      throw new PayloadDamaged(keyId, { cause: error });
    }
  }
}

function text(bytes: Uint8Array | undefined | null): string {
  return Buffer.from(bytes ?? []).toString();
}
