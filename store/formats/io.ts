import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { ArtifactStore } from '../artifact-store.js';
import { decodeSafetensors } from '../safetensors/safetensors.js';
import type { Arrays } from './arrays.js';

export { getJson, putJson } from '../json.js';

export async function getArrays(store: ArtifactStore, ref: ArtifactRef): Promise<Arrays> {
  return decodeSafetensors(await store.get(ref), `${ref.kind} ${ref.sha256}`);
}
