/** Manifests of runs that began before there was a choice: what they did not say was so. */
import type { RunConfig } from '../../contracts/config/run-config.js';
import type { RunManifest } from '../../contracts/artifacts/run-manifest.js';

/** Runs that named no verifier asked one in the process, which needed no time limit. */
const BEFORE: Pick<RunConfig, 'learner' | 'verifier'> = {
  learner: 'onnx',
  verifier: { name: 'math-in-process', secondsPerVerdict: 5, processes: 0 },
};

/** Its hash and that of its configuration stay those of what was written. */
export function upgradedManifest(manifest: RunManifest): RunManifest {
  return { ...manifest, config: { ...BEFORE, ...manifest.config } };
}
