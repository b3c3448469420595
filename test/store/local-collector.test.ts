import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { asidePath, LocalCollector } from '../../store/local-collector.js';

const HOUR = 3_600_000;
const content = new TextEncoder().encode('content');

let folder: string;
let store: LocalArtifactStore;
let collector: LocalCollector;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attnrl-store-'));
  store = await LocalArtifactStore.open(folder);
  collector = new LocalCollector(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const pathOf = ({ sha256 }: ArtifactRef): string =>
  join(folder, 'objects', sha256.slice(0, 2), `${sha256}.safetensors`);
const age = (ref: ArtifactRef): Promise<void> => utimes(pathOf(ref), 0, 0);

async function setAside(ref: ArtifactRef): Promise<void> {
  const aside = asidePath(folder, pathOf(ref));
  await mkdir(dirname(aside), { recursive: true });
  await rename(pathOf(ref), aside);
}

it('lists what is there with its age, and removes it when the lease is over', async () => {
  const ref = await store.put('weights', content);
  const [young] = await collector.list();
  expect(young).toMatchObject({ sha256: ref.sha256, bytes: ref.bytes });
  expect(young.ageMs).toBeLessThan(HOUR);
  expect(await collector.remove(young, HOUR)).toBe(false);
  await age(ref);
  const [old] = await collector.list();
  expect(old.ageMs).toBeGreaterThan(HOUR);
  expect(await collector.remove(old, HOUR)).toBe(true);
  expect(await collector.list()).toEqual([]);
  expect(await store.has(ref)).toBe(false);
});

it('spares what was used between the look and the removal', async () => {
  const ref = await store.put('weights', content);
  await age(ref);
  const [old] = await collector.list();
  await store.renew(ref);
  expect(await collector.remove(old, HOUR)).toBe(false);
  expect(await store.has(ref)).toBe(true);
});

it.each<[string, (ref: ArtifactRef) => Promise<unknown>]>([
  ['get', (ref) => store.get(ref)],
  ['localPath', (ref) => store.localPath(ref)],
  ['has', (ref) => store.has(ref)],
  ['renew', (ref) => store.renew(ref)],
  ['put', () => store.put('weights', content)],
])('%s brings back what has been set aside', async (_, use) => {
  const ref = await store.put('weights', content);
  await setAside(ref);
  expect(await use(ref)).toBeTruthy();
  expect((await stat(pathOf(ref))).size).toBe(ref.bytes);
});

it('a killed collection loses nothing', async () => {
  const ref = await store.put('weights', content);
  await setAside(ref);
  expect((await collector.list()).map(({ sha256 }) => sha256)).toEqual([ref.sha256]);
  expect(await readdir(join(folder, 'aside'))).toEqual([]);
});

it('what a writer has been given is there, however many collections go on', async () => {
  const other = await LocalArtifactStore.open(folder);
  for (let round = 0; round < 100; round += 1) {
    const old = await store.put('weights', content);
    await age(old);
    const objects = await collector.list();
    const [ref] = await Promise.all([
      other.put('weights', content),
      ...objects.map((object) => collector.remove(object, HOUR)),
      ...objects.map((object) => new LocalCollector(folder).remove(object, HOUR)),
    ]);
    expect((await other.get(ref)).equals(content)).toBe(true);
  }
});

it('forgets results that speak of what is gone', async () => {
  const [gone, kept] = [await store.put('weights', content), await store.put('tree', content)];
  await store.remember('gone', { weights: gone });
  await store.remember('kept', { sum: 1 });
  expect(await collector.removeResults(new Set([gone.sha256]), 0)).toBe(1);
  expect(await store.recall('gone')).toBeUndefined();
  expect(await store.recall('kept')).toEqual({ sum: 1 });
  expect(kept.sha256).toBe(gone.sha256); // named by content alone; the kind decides the file
});
