import { createReadStream, writeFileSync } from 'node:fs';
import {
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rename,
  rm,
  utimes,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { artifactStoreContract } from './artifact-store.contract.js';

vi.mock(import('node:fs'), async (original) => {
  const fs = await original();
  return { ...fs, createReadStream: vi.fn(fs.createReadStream) };
});

artifactStoreContract('LocalArtifactStore', async (folder) => ({
  store: await LocalArtifactStore.open(folder),
  reopen: () => LocalArtifactStore.open(folder),
  async damage(ref, change) {
    const path = join(folder, 'objects', ref.sha256.slice(0, 2), `${ref.sha256}.safetensors`);
    await writeFile(path, change(await readFile(path)));
  },
}));

describe('LocalArtifactStore', () => {
  let folder: string;
  let store: LocalArtifactStore;
  /** All file handles have this prototype. */
  let handles: FileHandle;
  const incoming = () => readdir(join(folder, 'incoming'));
  const content = new TextEncoder().encode('content');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'attnrl-store-'));
    store = await LocalArtifactStore.open(folder);
    const handle = await open(folder);
    handles = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true, force: true });
  });

  const failingWith = (code: string) => Object.assign(new Error(`${code}: simulated`), { code });

  it('leaves nothing behind when the disk is full, and goes on when there is room again', async () => {
    const writeFile = vi.spyOn(handles, 'writeFile').mockRejectedValue(failingWith('ENOSPC'));
    await expect(store.put('weights', content)).rejects.toMatchObject({ name: 'StoreFull', folder });
    await expect(store.remember('key', 1)).rejects.toMatchObject({ name: 'StoreFull' });
    writeFile.mockRestore();
    expect(await incoming()).toEqual([]);
    expect(await readdir(folder)).toEqual(['incoming', 'journals', 'store.json']);
    expect(await store.has(await store.put('weights', content))).toBe(true);
  });

  it('leaves nothing behind when the disk fills up on the flush', async () => {
    vi.spyOn(handles, 'sync').mockRejectedValue(failingWith('ENOSPC'));
    await expect(store.put('weights', content)).rejects.toMatchObject({ name: 'StoreFull' });
    expect(await incoming()).toEqual([]);
  });

  it('leaves nothing behind of files whose writer finds the disk full, whichever process that is', async () => {
    const writing = store.putWritten(['weights', 'optimizer'], async ([weights, optimizer]) => {
      await writeFile(weights, 'weights');
      await writeFile(optimizer, 'half of the mom');
      expect((await incoming()).length).toBe(2);
      throw Object.assign(new Error('sent by the learner'), { code: 'ENOSPC' });
    });
    await expect(writing).rejects.toMatchObject({ name: 'StoreFull', folder });
    expect(await incoming()).toEqual([]);
  });

  it('does not read again what it has written itself, until it changes', async () => {
    const ref = await store.put('weights', content);
    const [written] = await store.putWritten(['optimizer'], ([path]) => writeFile(path, 'moments'));
    vi.mocked(createReadStream).mockClear();
    const path = await store.localPath(ref);
    await store.renew(ref);
    await store.localPath(ref);
    await store.localPath(written);
    expect(createReadStream).not.toHaveBeenCalled();
    await utimes(path, 0, 0);
    await store.localPath(ref);
    expect(createReadStream).toHaveBeenCalledOnce();
  });

  it('says that a read-only file system is read-only', async () => {
    vi.spyOn(handles, 'writeFile').mockRejectedValue(failingWith('EROFS'));
    await expect(store.put('tree', content)).rejects.toMatchObject({
      name: 'StoreUnwritable',
      message: expect.stringContaining('EROFS') as string,
    });
  });

  it('calls nothing missing and makes nothing anew while its folder is away, and goes on when it is back', async () => {
    const ref = await store.put('tree', content);
    await store.remember('key', 1);
    await store.append('work', content);
    const calls: (() => Promise<unknown>)[] = [
      ...[() => store.get(ref), () => store.localPath(ref), () => store.has(ref), () => store.renew(ref)],
      ...[() => store.put('tree', content), () => store.put('tree', new Uint8Array(9))],
      ...[() => store.recall('key'), () => store.remember('key', 2)],
      ...[() => store.records('work'), () => store.append('work', content), () => store.forget('work')],
    ];
    const aside = `${folder}-aside`;
    await rename(folder, aside);
    try {
      for (const call of calls) await expect(call()).rejects.toMatchObject({ name: 'StoreUnreachable', folder });
      await mkdir(folder); // as a mount point is
      for (const call of calls) await expect(call()).rejects.toMatchObject({ name: 'StoreUnreachable' });
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
      await rename(aside, folder);
    }
    expect(await store.has(ref)).toBe(true);
    expect(await store.recall('key')).toBe(1);
    expect(await store.records('work')).toHaveLength(1);
  });

  it('refuses to open where no folder can be made', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(LocalArtifactStore.open(join(folder, 'file', 'store'))).rejects.toMatchObject({
      name: 'StoreUnwritable',
    });
    await expect(LocalArtifactStore.open(join(folder, 'file'))).rejects.toMatchObject({ name: 'StoreUnwritable' });
  });

  it('ignores what a killed writer left, and removes it when it is old', async () => {
    const path = join(folder, 'incoming', 'torn');
    await writeFile(path, 'half of an arti');
    await LocalArtifactStore.open(folder);
    expect(await incoming()).toEqual(['torn']); // may still be being written
    await utimes(path, 0, 0);
    await LocalArtifactStore.open(folder);
    expect(await incoming()).toEqual([]);
  });

  it('refuses a file that changes while it is copied', async () => {
    const source = join(folder, 'source');
    const size = 1_000_000; // many chunks
    await writeFile(source, Buffer.alloc(size, 1));
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its handle
    const original = handles.writeFile;
    vi.spyOn(handles, 'writeFile').mockImplementation(async function (this: FileHandle, chunk) {
      writeFileSync(source, Buffer.alloc(size, 2));
      await original.call(this, chunk);
    });
    await expect(store.put('weights', source)).rejects.toMatchObject({ name: 'ArtifactDamaged', where: source });
    expect(await incoming()).toEqual([]);
  });

  it('refuses a remembered value that is damaged', async () => {
    await store.remember('key', { count: 1 });
    const results = join(folder, 'results');
    const [file] = (await readdir(results, { recursive: true })).filter((name) => name.endsWith('.json'));
    await writeFile(join(results, file), '{"key":"key","va');
    await expect(store.recall('key')).rejects.toMatchObject({ name: 'ArtifactDamaged', where: join(results, file) });
    await writeFile(join(results, file), '{"key":"another","value":1}');
    await expect(store.recall('key')).rejects.toMatchObject({ damage: 'it belongs to another key' });
  });
});
