import type { ArtifactRef } from './artifact-ref.js';
import type { RunConfig } from '../config/run-config.js';
import type { ControllerState } from '../protocol/run.js';

/** Content of an artifact of kind `manifest`: what a run is, frozen before its first iteration. */
export interface RunManifest {
  readonly schema: 1;
  readonly config: RunConfig;
  readonly configHash: string;
  /** Policy 0, and the frozen reference of the divergence term. */
  readonly policy: ArtifactRef<'policy'>;
  /** Problems to draw from. */
  readonly dataSetSize: number;
  /** Of the problems in files; absent where the task makes its problems. */
  readonly dataSetSha256?: string;
  readonly evaluationSets: readonly string[];
  /** Of those in files, by name; absent where there are none, and in manifests of older versions. */
  readonly evaluationData?: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
  /** SHA-256 of the user's verifier module; absent where the verifier is one of the project's own. */
  readonly verifierModule?: string;
  readonly controller: ControllerState;
  /** Absent in a run that starts from a base model; else it goes on behind this record of another run. */
  readonly parent?: ArtifactRef<'iteration-record'>;
}
