/** What artifacts of each kind hold, and how that is read and written: the kind of a reference gives the type of its content. */
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { IterationProvenance } from '../../contracts/artifacts/iteration-provenance.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import type { PolicyArtifact } from '../../contracts/artifacts/policy-artifact.js';
import type { RunManifest } from '../../contracts/artifacts/run-manifest.js';
import type { ArtifactStore } from '../artifact-store.js';
import { decodeSafetensors, encodeSafetensors } from '../safetensors/safetensors.js';
import { encodeJson } from '../json.js';
import type { Arrays } from './arrays.js';
import type { BranchPlan, ProblemBatch, Trees, Verdicts } from '../../contracts/artifacts/documents.js';
import { decodeRollouts, encodeRollouts } from './rollouts.js';
import type { StoredRollout } from '../../contracts/artifacts/stored-rollout.js';
import { decodeRows, encodeRows } from './rows.js';
import type { StoredRow } from '../../contracts/artifacts/stored-row.js';
import { decodeScores, encodeScores } from './scores.js';
import type { StoredScore } from '../../contracts/artifacts/stored-score.js';
import { upgradedManifest } from './upgraded-manifest.js';

export interface Contents {
  readonly policy: PolicyArtifact;
  readonly problems: ProblemBatch;
  readonly tokens: readonly StoredRollout[];
  readonly verdicts: Verdicts;
  readonly scores: readonly StoredScore[];
  readonly 'branch-points': BranchPlan;
  readonly tree: Trees;
  readonly rows: readonly StoredRow[];
  readonly manifest: RunManifest;
  readonly 'iteration-record': IterationRecord;
  readonly 'iteration-provenance': IterationProvenance;
}

interface Codec<Content> {
  readonly encode: (content: Content) => Uint8Array;
  /** @param name of the artifact, for what is said of a damaged one */
  readonly decode: (bytes: Buffer, name: string) => Content;
}

/** Equal values get the same name. @param upgrade what earlier versions wrote -> what is written now */
function json<Content>(upgrade: (content: Content) => Content = (content) => content): Codec<Content> {
  return {
    encode: encodeJson,
    decode: (bytes) => upgrade(JSON.parse(bytes.toString('utf8')) as Content),
  };
}

function arrays<One>(
  encode: (content: readonly One[]) => Arrays,
  decode: (arrays: Arrays) => readonly One[],
): Codec<readonly One[]> {
  return {
    encode: (content) => encodeSafetensors(encode(content)),
    decode: (bytes, name) => decode(decodeSafetensors(bytes, name)),
  };
}

const CODECS: { readonly [Kind in keyof Contents]: Codec<Contents[Kind]> } = {
  policy: json(),
  problems: json(),
  tokens: arrays(encodeRollouts, decodeRollouts),
  verdicts: json(),
  scores: arrays(encodeScores, decodeScores),
  'branch-points': json(),
  tree: json(),
  rows: arrays(encodeRows, decodeRows),
  manifest: json(upgradedManifest),
  'iteration-record': json(),
  'iteration-provenance': json(),
};

/** Rejects as `ArtifactStore.get`. */
export async function readArtifact<Kind extends keyof Contents>(
  store: Pick<ArtifactStore, 'get'>,
  ref: ArtifactRef<Kind>,
): Promise<Contents[Kind]> {
  const bytes = await store.get(ref); // first: a reference that somebody forged may name no kind at all
  return CODECS[ref.kind].decode(bytes, `${ref.kind} ${ref.sha256}`);
}

/** Rejects as `ArtifactStore.put`. */
export function writeArtifact<Kind extends keyof Contents>(
  store: Pick<ArtifactStore, 'put'>,
  kind: Kind,
  content: Contents[Kind],
): Promise<ArtifactRef<Kind>> {
  return store.put(kind, CODECS[kind].encode(content));
}
