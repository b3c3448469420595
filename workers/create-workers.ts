import { availableParallelism } from 'node:os';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import type { Services } from '../activities/services.js';
import { queueName, type Role } from '../contracts/queues.js';

export interface WorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  /** Queues are named `<prefix>-<role>`. */
  readonly prefix: string;
  readonly roles: readonly Role[];
  readonly services: Services;
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

/** One Temporal worker per role; they share the process's engines and store. */
export function createWorkers(options: WorkersOptions): Promise<Worker[]> {
  const {
    connection,
    namespace,
    prefix,
    roles,
    services,
    workflowBundle,
    interceptors = {},
    dataConverter = {},
  } = options;
  return Promise.all(
    roles.map((role) =>
      Worker.create({
        connection,
        namespace,
        taskQueue: queueName(role, prefix),
        activities: createActivities(services, role),
        ...(role === 'control' ? { workflowBundle, maxCachedWorkflows: 200 } : {}), // a cached run holds about 1 MB
        interceptors,
        dataConverter,
        maxConcurrentActivityTaskExecutions: SLOTS[role],
        maxHeartbeatThrottleInterval: '2s', // a cancellation comes back with a heartbeat; and progress bars move
        defaultHeartbeatThrottleInterval: '2s',
        shutdownGraceTime: '20s', // a preempted machine has 30 s; an engine ends its chunk and the store its write in a few
        shutdownForceTime: '27s', // before the machine does
      }),
    ),
  );
}
