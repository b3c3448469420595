import type { ArtifactRef } from './artifact-ref.js';

/** File of a checkpoint that says in which of several weight files a tensor is. */
export const SHARD_INDEX = 'model.safetensors.index.json';

/** Content of an artifact of kind `policy`: everything that a policy is, by reference. */
export interface PolicyArtifact {
  readonly schema: 1;
  /** The small files of the checkpoint (config.json, tokenizer.json, …) by their names. */
  readonly files: Readonly<Record<string, ArtifactRef<'model-file'>>>;
  /** The safetensors files. */
  readonly weights: readonly { readonly name: string; readonly ref: ArtifactRef<'weights'> }[];
  /** State of the optimiser that made it; absent in a base model. */
  readonly optimizer: ArtifactRef<'optimizer'> | null;
}
