import { availableParallelism } from 'node:os';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import type { WorkerVersion } from '../contracts/environment.js';
import { describeWorker } from '../services/worker-description.js';
import type { Services } from '../services/services.js';
import { retryInterceptor } from '../durability/retry-interceptor.js';
import { queueName, type Role } from '../contracts/protocol/queues.js';

export interface WorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Queues are named `<prefix>-<role>`. */
  readonly prefix: string;
  readonly roles: readonly Role[];
  readonly services: Services;
  /** Opts in to worker versioning. */
  readonly version?: WorkerVersion | undefined;
  /** Used by the control role. */
  readonly workflowBundle: NonNullable<WorkerOptions['workflowBundle']>;
  readonly interceptors?: WorkerOptions['interceptors'];
  /** The bundle must have been made with its failure converter. */
  readonly dataConverter?: WorkerOptions['dataConverter'];
}

/** Activities at a time, by role. */
const SLOTS: Record<Role, number> = {
  control: 16, // they read and write small files; a few runs at once
  rollout: 24, // they wait for the one engine of the process, which has its own slots: two children and two evaluations of six sets, with room
  learner: 1, // one set of weights and optimiser state per process
  verifier: availableParallelism(), // one verdict per core
};

/**
 * How long what runs may go on when the worker is told to stop, before it is cancelled. A preempted machine has 30 s, a container 10
 * by default: with what follows (the end of a chunk, at most 4 s, and a write) a process has ended within 8 s.
 */
const GRACE_MS: Record<Role, number> = {
  control: 2000, // they end by themselves in less
  rollout: 0, // hours of generation: saved at the end of the chunk, and handed back
  learner: 1000, // a small policy's step may end, a large one's is dropped
  verifier: 2000,
};
const GIVE_UP = '8s'; // whatever still runs then has a server or a store that does not answer: the next attempt is told by the heartbeat

/** One Temporal worker per role; they share the process's engines and store. */
export async function createWorkers(options: WorkersOptions): Promise<Worker[]> {
  const {
    connection,
    namespace,
    prefix,
    roles,
    services,
    workflowBundle,
    version,
    interceptors = {},
    dataConverter = {},
  } = options;
  const workers = await Promise.all(
    roles.map((role) =>
      Worker.create({
        connection,
        namespace,
        taskQueue: queueName(role, prefix),
        activities: createActivities(services, role),
        ...(role === 'control' ? { workflowBundle, maxCachedWorkflows: 200 } : {}), // a cached run holds about 1 MB
        stickyQueueScheduleToStartTimeout: '5s', // so long do workflows wait for the worker that has them in its cache, when it is lost
        ...(version ? { workerDeploymentOptions: deploymentOptions(version) } : {}),
        interceptors: { ...interceptors, activity: [retryInterceptor, ...(interceptors.activity ?? [])] },
        dataConverter,
        maxConcurrentActivityTaskExecutions: SLOTS[role],
        maxHeartbeatThrottleInterval: '2s', // a cancellation comes back with a heartbeat; and progress bars move
        defaultHeartbeatThrottleInterval: '2s',
        shutdownGraceTime: GRACE_MS[role],
        shutdownForceTime: GIVE_UP,
      }),
    ),
  );
  const identities = new Set(workers.map(({ options: { identity } }) => identity));
  await Promise.all([...identities].map((identity) => describeWorker(services.store, identity)));
  return workers;
}

/** Children stay with the build that started them; runs say in workflows/index.ts that they move on. */
function deploymentOptions(version: WorkerVersion): NonNullable<WorkerOptions['workerDeploymentOptions']> {
  return { version, useWorkerVersioning: true, defaultVersioningBehavior: 'PINNED' };
}
