/** An iteration's batch and branches, read from the store and joined. */
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { BranchRefs } from '../contracts/artifacts/iteration-record.js';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { BatchRefs } from '../contracts/protocol/activities.js';
import type { InitialBatch } from '../contracts/protocol/run.js';
import { batchOf, type BatchProblem } from '../iteration/batch.js';
import { type JoinedRollout, joinRollouts } from '../iteration/join.js';
import { Prefixes } from '../iteration/prefixes.js';
import { branchesOf, type Branches } from '../iteration/trees.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { readArtifact } from '../store/formats/artifacts.js';

export async function readBatch(
  store: ArtifactStore,
  refs: Pick<InitialBatch, 'problems' | 'responses' | 'verdicts' | 'scores'>,
  config: RunConfig,
): Promise<BatchProblem[]> {
  const { problems } = await readArtifact(store, refs.problems);
  return batchOf(problems, await readJoined(store, refs.responses, refs.verdicts, refs.scores), config);
}

export async function readBranches(store: ArtifactStore, refs: BranchRefs): Promise<Branches> {
  const plan = await readArtifact(store, refs.points);
  return branchesOf(plan, await readJoined(store, refs.rollouts, refs.verdicts, refs.scores));
}

export async function readPrefixes(store: ArtifactStore, refs: BatchRefs): Promise<Prefixes> {
  const { problems } = await readArtifact(store, refs.problems);
  return new Prefixes(problems, await readArtifact(store, refs.responses));
}

async function readJoined(
  store: ArtifactStore,
  rollouts: ArtifactRef<'tokens'>,
  verdicts: ArtifactRef<'verdicts'>,
  scores: ArtifactRef<'scores'>,
): Promise<JoinedRollout[]> {
  const judged = await readArtifact(store, verdicts);
  return joinRollouts(await readArtifact(store, rollouts), judged.verdicts, await readArtifact(store, scores));
}
