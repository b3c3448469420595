/** A real Temporal dev server and workers on it, for tests. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TypedSearchAttributes, type DataConverter } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import type { Services } from '../../services/services.js';
import { queueName, ROLES } from '../../contracts/protocol/queues.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/protocol/search-attributes.js';
import { findTemporal } from '../../scripts/temporal-binary.mjs';
import { createWorkers } from '../../workers/create-workers.js';

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
});

export class Temporal {
  #prefixes = 0;

  private constructor(
    readonly environment: TestWorkflowEnvironment,
    readonly bundle: WorkflowBundle,
    private readonly dataConverter: DataConverter | undefined,
    /** Of the web UI, where it was asked for. */
    readonly uiUrl: string | undefined,
  ) {}

  static async start(
    extraArgs: readonly string[] = [],
    { ui = false, dataConverter }: { ui?: boolean; dataConverter?: DataConverter } = {},
  ): Promise<Temporal> {
    const found = (await findTemporal()).at(-1)?.found;
    if (!found) throw new Error('these tests need a Temporal server: npm test fetches one');
    const attributes = Object.values(SEARCH_ATTRIBUTES).flatMap(({ name, type }) => [
      '--search-attribute',
      `${name}=${TypedSearchAttributes.toMetadataType(type)}`,
    ]);
    const uiPort = ui ? await freePort() : undefined;
    const environment = await TestWorkflowEnvironment.createLocal({
      ...(dataConverter && { client: { dataConverter } }),
      server: {
        executable: { type: 'existing-path', path: found.path },
        extraArgs: [...attributes, ...extraArgs],
        ...(uiPort === undefined ? {} : { ui, uiPort }),
        log: { level: 'error', format: 'pretty' },
      },
    });
    const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
    const { failureConverterPath } = dataConverter ?? {};
    const bundle = await bundleWorkflowCode({
      workflowsPath,
      logger: new DefaultLogger('ERROR'),
      ...(failureConverterPath === undefined ? {} : { failureConverterPath }),
    });
    const uiUrl = uiPort === undefined ? undefined : `http://localhost:${uiPort}`;
    return new Temporal(environment, bundle, dataConverter, uiUrl);
  }

  /** Runs `work` while all-in-one workers serve the queues of `prefix`, then replays every workflow of theirs. */
  async withWorkers<T>(services: Services, work: (controlQueue: string) => Promise<T>): Promise<T> {
    const prefix = `test${this.#prefixes++}`;
    const { nativeConnection: connection, namespace = 'default' } = this.environment;
    const workers = await createWorkers({
      connection,
      namespace,
      prefix,
      roles: ROLES,
      services,
      workflowBundle: this.bundle,
      ...(this.dataConverter && { dataConverter: this.dataConverter }),
    });
    const running = workers.map((worker) => worker.run());
    const controlQueue = queueName('control', prefix);
    let result: T;
    try {
      result = await work(controlQueue);
    } finally {
      workers.forEach((worker) => worker.shutdown());
      await Promise.all(running);
    }
    await this.replay(`TaskQueue = '${controlQueue}'`);
    return result;
  }

  /** Fails where today's workflow code would decide otherwise than a history of the listed workflows did. */
  async replay(query: string): Promise<void> {
    const histories = this.environment.client.workflow.list({ query }).intoHistories();
    const options = {
      workflowBundle: this.bundle,
      ...(this.dataConverter && { dataConverter: this.dataConverter }),
    };
    for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
      if (error) throw new Error(`the history of ${workflowId} is not replayed by today's code`, { cause: error });
    }
  }

  stop(): Promise<void> {
    return this.environment.teardown();
  }
}

export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-test-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
