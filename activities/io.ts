import type { ArtifactKind, ArtifactRef } from '../contracts/artifact-ref.js';
import { canonicalJson } from '../contracts/canonical-json.js';
import type { RunManifest } from '../contracts/run-manifest.js';
import { decodeSafetensors, encodeSafetensors } from '../store/safetensors.js';
import type { Arrays } from './formats/arrays.js';
import type { Services } from './services.js';

type Store = Services['store'];

export function putJson(store: Store, kind: ArtifactKind, value: unknown): Promise<ArtifactRef> {
  return store.put(kind, new TextEncoder().encode(canonicalJson(value)));
}

/** The type of an artifact's content follows from its kind: the caller names it. */
export async function getJson<T>(store: Store, ref: ArtifactRef): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await store.get(ref))) as T;
}

export function putArrays(store: Store, kind: ArtifactKind, arrays: Arrays): Promise<ArtifactRef> {
  return store.put(kind, encodeSafetensors(arrays));
}

export async function getArrays(store: Store, ref: ArtifactRef): Promise<Arrays> {
  return decodeSafetensors(await store.get(ref));
}

export function readManifest(store: Store, ref: ArtifactRef): Promise<RunManifest> {
  return getJson(store, ref);
}
