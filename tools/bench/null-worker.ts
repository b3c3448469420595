/** A worker of every role whose engine and learner answer at once: what is left is orchestration. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { readEnvironment } from '../../contracts/environment.js';
import { ROLES } from '../../contracts/protocol/queues.js';
import type { WorkerMessage } from '../../contracts/protocol/worker-messages.js';
import { readTokenizer } from '../../policy/model/tokenizer.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { NullEngine, NullLearner } from './null-engine.js';
import { openVerifier } from '../../tasks/verifiers.js';
import { createWorkers } from '../../workers/create-workers.js';
import { SHIPPED_MODEL } from './shipped-model.js';

Runtime.install({ logger: new DefaultLogger('WARN') });
const { home, queuePrefix: prefix, version } = readEnvironment(process.env);
const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
const engine = new NullEngine(await readTokenizer(SHIPPED_MODEL));
const workers = await createWorkers({
  connection: await NativeConnection.connect(connectionOptions),
  namespace,
  prefix,
  roles: ROLES,
  version,
  workflowBundle: { codePath: fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url)) },
  services: {
    store: await LocalArtifactStore.open(join(home, 'store')),
    runsFolder: join(home, 'runs'),
    engine: () => Promise.resolve(engine),
    // Half of the responses are right, and stay so: every iteration has as much to do as the one before.
    learner: () => Promise.resolve(new NullLearner(0)),
    verifier: openVerifier,
  },
});
const ready: WorkerMessage = { kind: 'ready' };
process.send?.(ready);
await Promise.all(workers.map((worker) => worker.run()));
process.exit();
