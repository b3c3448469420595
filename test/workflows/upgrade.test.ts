/** A new build takes over a run that an old one has started: docs/upgrading.md, step by step. */
import { isGrpcServiceError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunForm } from '../../contracts/config/form.js';
import type { WorkerVersion } from '../../contracts/environment.js';
import { ROLES } from '../../contracts/protocol/queues.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { createWorkers } from '../../workers/create-workers.js';
import { Gates } from '../support/gated-learner.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { Temporal, withFolder } from '../support/temporal.js';
import type { Services } from '../../services/services.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

const PREFIX = 'upgrade';
const deploymentName = 'attnrl';

/** Workers of one build; the returned function ends them. */
async function serve(services: Services, version: WorkerVersion): Promise<() => Promise<void>> {
  const { nativeConnection: connection, namespace = 'default' } = temporal.environment;
  const workers = await createWorkers({
    connection,
    namespace,
    prefix: PREFIX,
    roles: ROLES,
    services,
    workflowBundle: temporal.bundle,
    version,
  });
  const running = workers.map((worker) => worker.run());
  return async () => {
    workers.forEach((worker) => worker.shutdown());
    await Promise.all(running);
  };
}

/** New work goes to that build. Tried again until the server has heard of the build from its workers. */
async function makeCurrent(buildId: string): Promise<void> {
  const { workflowService, options } = temporal.environment.client;
  const request = { namespace: options.namespace, deploymentName, buildId, identity: 'operator' };
  for (;;) {
    const set = await workflowService.setWorkerDeploymentCurrentVersion(request).then(
      () => true,
      (error: unknown) => {
        if (!isGrpcServiceError(error) || ![5, 9].includes(error.code)) throw error; // NOT_FOUND, FAILED_PRECONDITION
        return false;
      },
    );
    if (set) return;
  }
}

/** Builds that decided in a workflow, in order. */
async function buildsOf(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  const builds = (events ?? []).flatMap(({ workflowTaskCompletedEventAttributes: task }) => {
    return task?.deploymentVersion?.buildId ?? [];
  });
  return builds.filter((build, i) => build !== builds[i - 1]);
}

it('an old build starts a run, a new build finishes it', async () => {
  const gates = new Gates();
  const second = gates.close(1);
  await withFolder(async (folder) => {
    const services = await nullServices(folder, gates.learner);
    const endOld = await serve(services, { deploymentName, buildId: 'old' });
    await makeCurrent('old');
    const { workflow } = temporal.environment.client;
    const run = await workflow.start<(form: RunForm) => Promise<RunResult>>('training', {
      workflowId: 'upgraded',
      taskQueue: `${PREFIX}-control`,
      args: [await smallForm({ iterations: 4, pipeline: 'on-policy' })],
    });
    await second.at;

    const endNew = await serve(services, { deploymentName, buildId: 'new' });
    await makeCurrent('new');
    second.open();
    expect((await run.result()).iterations).toBe(4);

    expect(await buildsOf(run)).toEqual(['old', 'new']);
    // The iteration of the change ended where it had begun, the next one began on the new build.
    expect(await buildsOf(workflow.getHandle('upgraded/learn-1'))).toEqual(['old']);
    expect(await buildsOf(workflow.getHandle('upgraded/learn-2'))).toEqual(['new']);
    await Promise.all([endOld(), endNew()]);
  });
  await temporal.replay(`TaskQueue = '${PREFIX}-control'`);
});
