import type { ArtifactKind, ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { RunManifest } from '../../contracts/artifacts/run-manifest.js';
import type { ArtifactStore } from '../artifact-store.js';
import { getJson } from '../json.js';
import { decodeSafetensors, encodeSafetensors } from '../safetensors/safetensors.js';
import type { Arrays } from './arrays.js';

export { getJson, putJson } from '../json.js';

export function putArrays(store: ArtifactStore, kind: ArtifactKind, arrays: Arrays): Promise<ArtifactRef> {
  return store.put(kind, encodeSafetensors(arrays));
}

export async function getArrays(store: ArtifactStore, ref: ArtifactRef): Promise<Arrays> {
  return decodeSafetensors(await store.get(ref), `${ref.kind} ${ref.sha256}`);
}

export function readManifest(store: ArtifactStore, ref: ArtifactRef): Promise<RunManifest> {
  return getJson(store, ref);
}
