/** What every artifact store does: called once per implementation. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import { ArtifactMissing, type ArtifactStore } from '../../store/artifact-store.js';
import { getJson, putJson } from '../../store/json.js';

export interface StoreUnderTest {
  readonly store: ArtifactStore;
  /** A second process's view of the same store. */
  reopen(): Promise<ArtifactStore>;
  /** Changes bytes of a stored artifact behind the store's back. */
  damage(ref: ArtifactRef, change: (content: Buffer) => Uint8Array): Promise<void>;
}

const sha256 = (value: string) => createHash('sha256').update(value).digest('hex');
const text = (value: string) => new TextEncoder().encode(value);

export function artifactStoreContract(name: string, create: (folder: string) => Promise<StoreUnderTest>): void {
  describe(`${name} (artifact store contract)`, () => {
    let folder: string;
    let tested: StoreUnderTest;
    let store: ArtifactStore;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'attnrl-store-'));
      tested = await create(join(folder, 'store'));
      store = tested.store;
    });

    afterEach(() => rm(folder, { recursive: true, force: true }));

    it('names an artifact by size, kind and SHA-256 of its content', async () => {
      const ref = await store.put('tree', text('abc'));
      const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
      expect(ref).toEqual({ kind: 'tree', bytes: 3, sha256: expected });
    });

    it('gives back what was put, in this process and in the next', () =>
      fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (content) => {
          const ref = await store.put('tokens', content);
          expect(new Uint8Array(await store.get(ref))).toEqual(content);
          const next = await tested.reopen();
          expect(new Uint8Array(await next.get(ref))).toEqual(content);
        }),
        { numRuns: 20 },
      ));

    it('keeps a journal: records in order, over processes, until it is forgotten', () =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), async (contents) => {
          const next = await tested.reopen();
          for (const [i, content] of contents.entries()) await (i % 2 ? next : store).append('work', content);
          expect((await next.records('work')).map((record) => new Uint8Array(record))).toEqual(contents);
          await store.forget('work');
          expect(await next.records('work')).toEqual([]);
        }),
        { numRuns: 20 },
      ));

    it('takes a file, as a copy', async () => {
      const path = join(folder, 'weights');
      await writeFile(path, 'weights');
      const ref = await store.put('weights', path);
      await rm(path);
      expect((await store.get(ref)).toString()).toBe('weights');
      expect(await store.put('weights', text('weights'))).toEqual(ref);
    });

    it('takes files that somebody else writes', async () => {
      const before = await store.put('weights', text('weights'));
      const refs = await store.putWritten(['weights', 'optimizer'], async ([weights, optimizer]) => {
        await writeFile(weights, 'weights');
        await writeFile(optimizer, 'moments');
      });
      expect(refs).toEqual([before, { ...before, kind: 'optimizer', sha256: sha256('moments') }]);
      const next = await tested.reopen();
      expect(await Promise.all(refs.map(async (ref) => (await next.get(ref)).toString()))).toEqual([
        'weights',
        'moments',
      ]);
    });

    it('gives a local file with the content', async () => {
      const ref = await store.put('weights', text('weights'));
      expect(await readFile(await store.localPath(ref), 'utf8')).toBe('weights');
    });

    it('stores the same JSON value under the same name, whatever the order of its keys', async () => {
      const ref = await putJson(store, 'manifest', { b: [1, 0.1], a: 'é' });
      expect(await putJson(store, 'manifest', { a: 'é', b: [1, 0.1] })).toEqual(ref);
      expect(await getJson(store, ref)).toEqual({ a: 'é', b: [1, 0.1] });
    });

    it('says whether an artifact is there', async () => {
      const ref = await store.put('tree', text('abc'));
      expect(await store.has(ref)).toBe(true);
      expect(await store.has({ ...ref, bytes: 4 })).toBe(false);
      expect(await store.has({ ...ref, sha256: '0'.repeat(64) })).toBe(false);
    });

    it('gives no local file for a name of another size, whether or not the file has been checked before', async () => {
      const ref = await store.put('weights', text('weights'));
      await store.localPath(ref);
      await expect(store.localPath({ ...ref, bytes: 6 })).rejects.toThrow('instead of 6');
    });

    it('renews what is there, unchanged', async () => {
      const ref = await store.put('tree', text('abc'));
      expect(await store.renew(ref)).toBe(true);
      expect((await store.get(ref)).toString()).toBe('abc');
      expect(await store.renew({ ...ref, sha256: '0'.repeat(64) })).toBe(false);
    });

    it('rejects with ArtifactMissing when there is none of that name', async () => {
      const ref: ArtifactRef = { kind: 'weights', bytes: 3, sha256: sha256('abc') };
      await expect(store.get(ref)).rejects.toThrow(ArtifactMissing);
      await expect(store.localPath(ref)).rejects.toThrow(ref.sha256);
    });

    const damages: [string, (content: Buffer) => Uint8Array, RegExp][] = [
      [
        'one bit',
        (content) => content.map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
        /SHA-256 is [0-9a-f]{64} instead of/,
      ],
      ['a torn end', (content) => content.subarray(0, 4), /4 bytes instead of 8/],
      ['more at the end', (content) => Buffer.concat([content, content]), /16 bytes instead of 8/],
    ];
    for (const [what, change, message] of damages) {
      it(`never gives out a damaged artifact (${what}), and putting it again repairs it`, async () => {
        const ref = await store.put('weights', text('12345678'));
        await store.localPath(ref);
        await tested.damage(ref, change);
        await expect(store.get(ref)).rejects.toMatchObject({
          name: 'ArtifactDamaged',
          message: expect.stringMatching(message) as string,
        });
        await expect(store.localPath(ref)).rejects.toMatchObject({ name: 'ArtifactDamaged' });
        expect(await store.put('weights', text('12345678'))).toEqual(ref);
        expect((await store.get(ref)).toString()).toBe('12345678');
      });
    }

    it('takes the same bytes from many writers at once', async () => {
      const content = new Uint8Array(100_000).fill(7);
      const other = await tested.reopen();
      const refs = await Promise.all(
        Array.from({ length: 20 }, (_, i) => (i % 2 ? store : other).put('scores', content)),
      );
      expect(new Set(refs.map((ref) => JSON.stringify(ref))).size).toBe(1);
      expect(await store.get(refs[0])).toHaveLength(100_000);
    });

    it('remembers results under a key, the last one counts', async () => {
      expect(await store.recall('generate 1')).toBeUndefined();
      await store.remember('generate 1', { count: 1 });
      await store.remember('generate 2', null);
      await store.remember('generate 1', { count: 2 });
      const next = await tested.reopen();
      expect(await next.recall('generate 1')).toEqual({ count: 2 });
      expect(await next.recall('generate 2')).toBeNull();
      expect(await next.recall('../generate 1')).toBeUndefined();
    });

    it('takes no path for a name', async () => {
      await expect(store.get({ kind: 'tree', bytes: 1, sha256: '../../secret' })).rejects.toThrow('not a SHA-256');
    });
  });
}
