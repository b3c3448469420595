import { join } from 'node:path';
import type { ControlActivities } from '../contracts/protocol/activities.js';
import { currentAttempt } from '../durability/current-attempt.js';
import { withHeartbeats } from '../durability/heartbeat.js';
import { exportPolicy } from '../services/export-policy.js';
import { readArtifact } from '../store/formats/artifacts.js';
import { replaceFile, runFolder } from '../services/run-folder.js';
import type { Services } from '../services/services.js';

type FinishRun = ControlActivities['finishRun'];

/** Writes the trained policy as a Hugging Face directory, and the run's result, into the run's folder. */
export const finishRun =
  (services: Services): FinishRun =>
  async ({ run, manifest, policy, evaluations }) => {
    const folder = runFolder(services, run);
    const modelFolder = join(folder, 'model');
    await currentAttempt().stillAsked(); // so nobody else's draft is needed
    await withHeartbeats(
      'write the trained model',
      exportPolicy(services.store, policy, modelFolder, { abandonedMs: 0 }),
    );
    const { config, evaluationSets } = await readArtifact(services.store, manifest);
    const result = { run, manifest: manifest.sha256, policy: policy.sha256, config, evaluationSets, evaluations };
    await replaceFile(folder, 'result.json', `${JSON.stringify(result, null, 2)}\n`);
    return { modelFolder, runFolder: folder };
  };
