/**
 * What crosses Temporal in place of bytes: the name of an immutable artifact.
 * The name is the SHA-256 of the content, so a reference is also a proof of it.
 */
export interface ArtifactRef<Kind extends ArtifactKind = ArtifactKind> {
  /** Lower-case hex SHA-256 of the content. */
  readonly sha256: string;
  /** Size of the content in bytes. */
  readonly bytes: number;
  /** What the content is; decides how it is read. */
  readonly kind: Kind;
}

/** Every reference in a JSON value, in order, repeated ones too. */
export function refsIn(value: unknown): ArtifactRef[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('sha256' in value && 'kind' in value) return [value as ArtifactRef];
  return Object.values(value).flatMap(refsIn);
}

/**
 * - `policy`: JSON, names weights, optimiser state and the model's configuration of one policy
 * - `weights`, `optimizer`: safetensors
 * - `tokens`: safetensors with flat token arrays and their offsets (responses, branch rollouts)
 * - `scores`: safetensors with per-token log-probs and entropies, per-step FCI
 * - `rows`: safetensors, packed training rows
 * - the rest is JSON
 */
export type ArtifactKind =
  | 'policy'
  | 'weights'
  | 'optimizer'
  | 'model-file'
  | 'problems'
  | 'tokens'
  | 'verdicts'
  | 'scores'
  | 'branch-points'
  | 'tree'
  | 'rows'
  | 'evaluation'
  | 'manifest'
  | 'iteration-record'
  | 'iteration-provenance';
