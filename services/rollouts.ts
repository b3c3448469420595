/** What `generate`, `generateBranches` and `generateSamples` have in common. */
import { writeArtifact } from '../store/formats/artifacts.js';
import type { RolloutKey, RolloutRequest, SamplingParameters } from '../contracts/engine/engine.js';
import type { Generated, Timed } from '../contracts/protocol/activities.js';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import type { PolicyTokenizer } from '../policy/model/tokenizer.js';
import { generateDurably } from './generate-durably.js';
import type { Journal } from '../durability/journal.js';
import type { StoredProblem } from '../contracts/artifacts/documents.js';
import type { StoredRollout } from '../contracts/artifacts/stored-rollout.js';
import { loadedEngine } from './policies.js';
import type { Services } from './services.js';

/** Which rollout a request makes. */
export type RolloutPlace = Pick<StoredRollout, 'problem' | 'response' | 'branch' | 'at'>;

export interface PlannedRollout extends RolloutPlace {
  readonly request: Pick<RolloutRequest, 'prefix' | 'maxNewTokens'>;
  readonly key: RolloutKey;
}

/** The initial responses of problems, given by their places in the draw. */
export function initialRollouts(
  problems: readonly (readonly [place: number, problem: Pick<StoredProblem, 'prompt'>])[],
  { seed, sampling }: Pick<RunConfig, 'seed' | 'sampling'>,
  { iteration, responses }: { readonly iteration: number; readonly responses: number },
): PlannedRollout[] {
  return problems.flatMap(([problem, { prompt }]) => {
    const request = { prefix: Int32Array.from(prompt), maxNewTokens: sampling.maxResponseTokens };
    return Array.from({ length: responses }, (_, response) => ({
      problem,
      response,
      branch: 0,
      at: 0,
      request,
      key: { runSeed: seed, iteration, problem, response, branch: 0 },
    }));
  });
}

/** What the engine is asked for. */
export function rolloutRequests(
  planned: readonly PlannedRollout[],
  { temperature, topK, topP }: SamplingParameters,
  { eosIds }: Pick<PolicyTokenizer, 'eosIds'>,
): RolloutRequest[] {
  return planned.map(({ request, key }) => ({
    ...request,
    uniforms: { kind: 'counter', key },
    temperature,
    topK,
    topP,
    stopIds: eosIds,
  }));
}

/** Generates the planned rollouts in one call of the engine. */
export async function rollOut(
  services: Services,
  manifest: RunManifest,
  policy: ArtifactRef<'policy'>,
  {
    planned,
    sampling,
    journal,
    background = false,
  }: {
    planned: readonly PlannedRollout[];
    sampling: SamplingParameters;
    journal: Journal;
    /** Beside the training, never in its way. */
    background?: boolean;
  },
): Promise<StoredRollout[]> {
  if (planned.length === 0) return [];
  const { engine, id, tokenizer } = await loadedEngine(services, manifest, policy);
  const requests = rolloutRequests(planned, sampling, tokenizer);
  const rollouts = await generateDurably(engine, id, requests, journal, { background });
  return rollouts.map((rollout, i) => {
    const { problem, response, branch, at } = planned[i];
    return { problem, response, branch, at, ...rollout };
  });
}

/** Writes rollouts to the store and counts them. */
export async function storeRollouts(
  store: ArtifactStore,
  rollouts: readonly StoredRollout[],
): Promise<Omit<Generated, keyof Timed>> {
  return {
    rollouts: await writeArtifact(store, 'tokens', rollouts),
    count: rollouts.length,
    tokens: rollouts.reduce((sum, { tokens }) => sum + tokens.length, 0),
    finished: rollouts.filter(({ finished }) => finished).length,
  };
}
