/** A run whose store or server is away for a while waits, says why, and ends as if nothing had been. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Services } from '../../services/services.js';
import { resultOf } from '../../cli/run-result.js';
import { ensureTemporalServer, keepTemporalServer, stopTemporalServer } from '../../cli/temporal-server.js';
import type { RunForm } from '../../contracts/config/form.js';
import { ROLES } from '../../contracts/protocol/queues.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/protocol/search-attributes.js';
import { StoreFull, type ArtifactStore } from '../../store/artifact-store.js';
import { createWorkers } from '../../workers/create-workers.js';
import { Gates } from '../support/gated-learner.js';
import { objectFiles } from '../support/kept-run.js';
import { nullRun, nullServices, smallForm } from '../support/null-run.js';
import { eventually } from '../support/process.js';
import { headOf } from '../support/run-head.js';
import { currentDetails } from '../support/steer.js';
import { Temporal, withFolder } from '../support/temporal.js';

let temporal: Temporal;
let whole: string;
const FORM: RunForm = { distribution: { heartbeatSeconds: 5 }, evaluation: { every: 0, sets: ['short'] } };
beforeAll(async () => {
  temporal = await Temporal.start();
  whole = await nullRun(temporal, FORM, async ({ result }) => (await headOf(result)).record.sha256);
});
afterAll(() => temporal?.stop());

type Training = (form: RunForm) => Promise<RunResult>;

/** How a store goes away, and comes back. */
interface Outage {
  readonly says: RegExp;
  readonly services: (services: Services) => Services;
  readonly begin: (home: string) => Promise<void>;
  readonly end: (home: string) => Promise<void>;
}

function unreachable(): Outage {
  const move = (home: string, [from, to]: [string, string]): Promise<void> => rename(join(home, from), join(home, to));
  return {
    says: /update waits: StoreUnreachable: The artifact store \S+ cannot be reached/,
    services: (services) => services,
    begin: (home) => move(home, ['store', 'aside']),
    end: (home) => move(home, ['aside', 'store']),
  };
}

function full(): Outage {
  let isFull = false;
  const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const writing = ({ store, ...services }: Services): Services => ({
    ...services,
    store: new Proxy(store, {
      get: (target, name: keyof ArtifactStore) => {
        const call = (target[name] as (...args: unknown[]) => Promise<unknown>).bind(target);
        if (!['put', 'putWritten', 'remember', 'append'].includes(name)) return call;
        return (...args: unknown[]) => (isFull ? Promise.reject(new StoreFull('the store', { cause })) : call(...args));
      },
    }),
  });
  return {
    says: /update waits: StoreFull: No space left in the artifact store/,
    services: writing,
    begin: () => Promise.resolve(void (isFull = true)),
    end: () => Promise.resolve(void (isFull = false)),
  };
}

it.concurrent.each([
  ['out of reach', unreachable],
  ['full', full],
])('the store is %s', { timeout: 120_000 }, async (_, outageOf) => {
  const outage = outageOf();
  await withFolder(async (home) => {
    const gates = new Gates();
    const learning = gates.close(1);
    const services = outage.services(await nullServices(home, gates.learner));
    await temporal.withWorkers(services, async (taskQueue) => {
      const handle = await temporal.environment.client.workflow.start<Training>('training', {
        workflowId: home,
        taskQueue,
        args: [await smallForm(FORM)],
      });
      await learning.at;
      await outage.begin(home);
      learning.open();
      await expect.poll(() => currentDetails(handle), { timeout: 60_000, interval: 500 }).toMatch(outage.says);
      await outage.end(home);
      expect((await headOf(await handle.result())).record.sha256).toBe(whole);
      expect(await currentDetails(handle)).not.toMatch(/waits/);
    });
  });
});

/** Twice the time after which silence counts as a loss. */
const AWAY_MS = 10_000;

it('the server dies while an activity works, which ends meanwhile, and comes back', { timeout: 120_000 }, async () => {
  await withFolder(async (home) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_')));
    const searchAttributes = Object.values(SEARCH_ATTRIBUTES);
    const config = join(home, 'temporal.toml');
    await writeFile(config, '[profile.default]\n');
    const options = { home, searchAttributes, env: { ...env, TEMPORAL_CONFIG_FILE: config } };
    const { address, namespace } = await ensureTemporalServer(options);
    const client = new Client({ connection: await Connection.connect({ address }), namespace });
    const gates = new Gates();
    const learning = gates.close(1);
    const workers = await createWorkers({
      connection: await NativeConnection.connect({ address }),
      namespace,
      prefix: 'away',
      roles: ROLES,
      services: await nullServices(home, gates.learner),
      workflowBundle: temporal.bundle,
    });
    const running = Promise.all(workers.map((worker) => worker.run()));
    const keeping = new AbortController();
    try {
      const handle = await client.workflow.start<Training>('training', {
        workflowId: 'away',
        taskQueue: 'away-control',
        args: [await smallForm(FORM)],
      });
      await learning.at;
      const known = (await objectFiles(home)).length;
      const { pid } = JSON.parse(await readFile(join(home, 'temporal', 'server.json'), 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      const left = performance.now();
      learning.open();
      await eventually(async () => (await objectFiles(home)).length > known || undefined);
      await eventually(() => performance.now() - left > AWAY_MS || undefined);
      let revived = 0;
      const kept = keepTemporalServer({ ...options, namespace }, keeping.signal, () => (revived += 1));
      const result = await Promise.race([
        resultOf<Training>(handle),
        running.then(() => undefined),
        kept.then(() => undefined),
      ]);
      expect((await headOf(result!)).record.sha256).toBe(whole);
      expect(revived).toBe(1);
      keeping.abort();
      await kept;
    } finally {
      keeping.abort();
      workers.forEach((worker) => worker.shutdown());
      await running;
      await client.connection.close();
      await stopTemporalServer(home);
    }
  });
});
