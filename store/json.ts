import type { ArtifactKind, ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import { canonicalJson } from '../contracts/artifacts/canonical-json.js';
import type { ArtifactStore } from './artifact-store.js';

/** Equal values have the same bytes. */
export const encodeJson = (value: unknown): Uint8Array => new TextEncoder().encode(canonicalJson(value));

/** Stores a value as canonical JSON: equal values get the same name. */
export function putJson<Kind extends ArtifactKind>(
  store: ArtifactStore,
  kind: Kind,
  value: unknown,
): Promise<ArtifactRef<Kind>> {
  return store.put(kind, encodeJson(value));
}

/** The type of an artifact's content follows from its kind: the caller names it. */
export async function getJson<T>(store: ArtifactStore, ref: ArtifactRef): Promise<T> {
  return JSON.parse((await store.get(ref)).toString('utf8')) as T;
}
