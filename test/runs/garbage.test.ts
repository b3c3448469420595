/** What is collected: all that nobody needs, and nothing else. */
import fc from 'fast-check';
import { cp, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectUnneeded } from '../../runs/garbage/collect-unneeded.js';
import { collect, LedgerUnreadable, reachable, type LiveRefs } from '../../runs/garbage/garbage.js';
import { keepsPolicy } from '../../runs/garbage/retention.js';
import { readRunFiles, type RunFiles } from '../../runs/run-files.js';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { PolicyArtifact } from '../../contracts/artifacts/policy-artifact.js';
import { getJson, putJson } from '../../store/json.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { LocalCollector } from '../../store/local-collector.js';
import { audit, discard, keptRun, objectFiles, objectPath, type KeptRun } from '../support/kept-run.js';
import { Temporal, withFolder } from '../support/temporal.js';

const HOUR = 3_600_000;

describe('retention', () => {
  it('keeps policy 0, the newest, and every policy whose version is a multiple of keepEvery', () => {
    const kept = (keepLast: number, keepEvery: number): number[] =>
      Array.from({ length: 11 }, (_, v) => v).filter((v) => keepsPolicy(v, 10, { keepLast, keepEvery }));
    expect(kept(2, 0)).toEqual([0, 9, 10]);
    expect(kept(2, 4)).toEqual([0, 4, 8, 9, 10]);
    expect(kept(5, 1)).toHaveLength(11);
  });
});

describe('a store that several runs share', () => {
  let temporal: Temporal;
  let runs: KeptRun[];
  beforeAll(async () => {
    temporal = await Temporal.start();
    runs = [
      await keptRun(temporal, { iterations: 3, retention: { keepLast: 2, keepEvery: 0 } }),
      await keptRun(temporal, { iterations: 2, algorithm: 'grpo' }),
    ];
  });
  afterAll(async () => {
    await Promise.all(runs.map(discard));
    await temporal?.stop();
  });

  /** All runs in one home, everything in it written so long ago. */
  async function sharedHome<T>(ageMs: number, work: (home: string) => Promise<T>): Promise<T> {
    return withFolder(async (home) => {
      for (const { home: own } of runs) await cp(own, home, { recursive: true });
      await age(home, ageMs);
      return work(home);
    });
  }

  async function age(home: string, ageMs: number): Promise<void> {
    const then = new Date(new Date().getTime() - ageMs);
    for (const path of await objectFiles(home)) await utimes(path, then, then);
  }

  const filesOf = (home: string): Promise<RunFiles[]> =>
    Promise.all(runs.map(({ run }) => readRunFiles(join(home, 'runs'), run)));

  it('a dry run removes nothing; a real one what no run needs, and all runs are proved as before', async () => {
    await sharedHome(48 * HOUR, async (home) => {
      const store = await LocalArtifactStore.open(join(home, 'store'));
      const litter = await putJson(store, 'evaluation', { of: 'nobody' });
      await writeFile(join(home, 'runs', '.DS_Store'), 'of a file manager');
      await age(home, 48 * HOUR);
      const before = await objectFiles(home);
      const { client } = temporal.environment;
      const dry = await collectUnneeded(store, home, client, { remove: false });
      expect(await objectFiles(home)).toEqual(before);
      expect(dry).toMatchObject({ removed: null, leased: { objects: 0 } });

      const real = await collectUnneeded(store, home, client, { remove: true });
      expect(real.removed).toEqual(dry.removable);
      expect(await store.has(litter)).toBe(false);
      expect(await objectFiles(home)).toHaveLength(before.length - dry.removable.objects);
      for (const { run } of runs) expect((await audit({ run, home })).findings).toEqual([]);
      // Of the first run, policy 1 alone is neither base nor among the newest two: its weights and optimiser state.
      expect((await audit({ run: runs[0].run, home })).artifacts.released).toBe(2);
      expect((await audit({ run: runs[1].run, home })).artifacts.released).toBe(0);
      expect((await collectUnneeded(store, home, client, { remove: false })).removable.objects).toBe(0);
    });
  });

  it('a run is given up by removing its folder; what others share with it stays', async () => {
    await sharedHome(48 * HOUR, async (home) => {
      await rm(join(home, 'runs', encodeURIComponent(runs[0].run)), { recursive: true });
      const store = await LocalArtifactStore.open(join(home, 'store'));
      await collectUnneeded(store, home, temporal.environment.client, { remove: true });
      expect((await audit({ run: runs[1].run, home })).findings).toEqual([]);
      const [first] = (await readRunFiles(join(runs[0].home, 'runs'), runs[0].run)).ledger;
      expect(await store.has(first.tree)).toBe(false);
    });
  });

  it('what was written or asked for within the lease stays', async () => {
    await sharedHome(48 * HOUR, async (home) => {
      const store = await LocalArtifactStore.open(join(home, 'store'));
      const [old, found, put] = await Promise.all(
        ['old', 'found', 'put'].map((name) => putJson(store, 'evaluation', { name })),
      );
      await age(home, 48 * HOUR);
      expect(await store.renew(found)).toBe(true);
      await putJson(store, 'evaluation', { name: 'put' });
      await collectUnneeded(store, home, temporal.environment.client, { remove: true });
      expect(await Promise.all([old, found, put].map((ref) => store.has(ref)))).toEqual([false, true, true]);
    });
  });

  it('weights that a run has let go have a shorter lease', async () => {
    await sharedHome(2 * HOUR, async (home) => {
      const store = await LocalArtifactStore.open(join(home, 'store'));
      const litter = await putJson(store, 'evaluation', { of: 'nobody' });
      await age(home, 2 * HOUR);
      const [{ ledger }] = await filesOf(home);
      const { weights, optimizer } = await getJson<PolicyArtifact>(store, ledger[0].policy.after);
      const { client } = temporal.environment;
      await store.renew(weights[0].ref);
      expect((await collectUnneeded(store, home, client, { remove: true })).removed).toMatchObject({ objects: 1 });
      expect(await Promise.all([litter, weights[0].ref, optimizer!].map((ref) => store.has(ref)))).toEqual([
        true,
        true,
        false,
      ]);
    });
  });

  it('what a run that goes on refers to stays, its weights too', async () => {
    await sharedHome(48 * HOUR, async (home) => {
      const store = await LocalArtifactStore.open(join(home, 'store'));
      const files = await filesOf(home);
      const policy = files[0].ledger[0].policy.after;
      const { weights } = await getJson<PolicyArtifact>(store, policy);
      const live = (training: boolean, run = 'another'): LiveRefs[] => [{ run, training, refs: [policy] }];
      const needed = async (refs: LiveRefs[]): Promise<boolean> =>
        (await reachable(store, files, refs)).needed.has(weights[0].ref.sha256);
      expect(await needed([])).toBe(false);
      expect(await needed(live(false))).toBe(true);
      expect(await needed(live(true))).toBe(true);
      // A training with a ledger goes by its retention.
      expect(await needed(live(true, runs[0].run))).toBe(false);
      // One whose ledger does not tell of the policy yet needs it, though another run has let the same bits go.
      expect(await needed(live(true, runs[1].run))).toBe(true);
    });
  });

  it('a ledger that cannot be read: nothing is removed', async () => {
    await sharedHome(48 * HOUR, async (home) => {
      const [{ ledger }] = await filesOf(home);
      await rm(objectPath(home, ledger[1].sha256));
      const before = await objectFiles(home);
      const store = await LocalArtifactStore.open(join(home, 'store'));
      const { client } = temporal.environment;
      await expect(collectUnneeded(store, home, client, { remove: true })).rejects.toThrow(LedgerUnreadable);
      expect(await objectFiles(home)).toEqual(before);
    });
  });
});

describe('reachability', () => {
  /** A forest of evaluations: each names some of those before it. */
  const forest = fc.array(fc.array(fc.nat(30), { maxLength: 3 }), { minLength: 1, maxLength: 12 });

  it('exactly what can be reached from the roots is kept, whatever names what', async () => {
    await fc.assert(
      fc.asyncProperty(forest, fc.array(fc.nat(30), { maxLength: 3 }), async (edges, roots) => {
        await withFolder(async (folder) => {
          const store = await LocalArtifactStore.open(folder);
          const refs: ArtifactRef[] = [];
          const below: Set<string>[] = [];
          for (const [i, targets] of edges.entries()) {
            const named = i === 0 ? [] : targets.map((target) => target % i);
            const ref = await putJson(store, 'evaluation', { i, sets: named.map((target) => refs[target]) });
            refs.push(ref);
            below.push(new Set([ref.sha256, ...named.flatMap((target) => [...below[target]])]));
          }
          const chosen = roots.map((root) => root % edges.length);
          const live = [{ run: 'live', training: false, refs: chosen.map((root) => refs[root]) }];
          const reach = await reachable(store, [], live);
          const { needed } = reach;
          expect(needed).toEqual(new Set(chosen.flatMap((root) => [...below[root]])));
          await collect(new LocalCollector(folder), reach, { remove: true, leaseMs: 0 });
          const present = await Promise.all(refs.map((ref) => store.has(ref)));
          expect(present).toEqual(refs.map(({ sha256 }) => needed.has(sha256)));
        });
      }),
      { numRuns: 25 },
    );
  });
});
