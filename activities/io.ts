import type { ArtifactKind, ArtifactRef } from '../contracts/artifact-ref.js';
import type { RunManifest } from '../contracts/run-manifest.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { getJson } from '../store/json.js';
import { decodeSafetensors, encodeSafetensors } from '../store/safetensors.js';
import type { Arrays } from './formats/arrays.js';

export { getJson, putJson } from '../store/json.js';

export function putArrays(store: ArtifactStore, kind: ArtifactKind, arrays: Arrays): Promise<ArtifactRef> {
  return store.put(kind, encodeSafetensors(arrays));
}

export async function getArrays(store: ArtifactStore, ref: ArtifactRef): Promise<Arrays> {
  return decodeSafetensors(await store.get(ref), `${ref.kind} ${ref.sha256}`);
}

export function readManifest(store: ArtifactStore, ref: ArtifactRef): Promise<RunManifest> {
  return getJson(store, ref);
}
