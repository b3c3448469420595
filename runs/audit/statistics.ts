/** What an iteration's record says of its initial responses, counted again. */
import { readArtifact } from '../../store/formats/artifacts.js';
import { countSteps, type StepCounts } from '../../algorithm/step-counts.js';
import { stepSettings } from '../../contracts/config/run-config.js';
import type { InitialStatistics } from '../../contracts/protocol/run.js';
import { scoreMeans } from '../../iteration/scores.js';
import { stepsOf } from '../../iteration/step-ranges.js';
import { tokenizerOf } from '../../services/policies.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import type { StoredRollout } from '../../contracts/artifacts/stored-rollout.js';
import type { StoredScore } from '../../contracts/artifacts/stored-score.js';
import type { LedgerEntry } from './ledger.js';

export async function statisticsOf(store: ArtifactStore, entry: LedgerEntry): Promise<InitialStatistics> {
  const { initial, metrics } = entry.record;
  const rollouts = await readArtifact(store, initial.responses);
  const { verdicts } = await readArtifact(store, initial.verdicts);
  const scores = await readArtifact(store, initial.scores);
  return {
    problems: (await readArtifact(store, initial.problems)).problems.length,
    skippedPrompts: metrics.skippedPrompts, // recomputed with the draw
    responses: rollouts.length,
    correct: verdicts.filter(({ reward }) => reward === 1).length,
    tokens: rollouts.reduce((sum, { tokens }) => sum + tokens.length, 0),
    ...scoreMeans(scores),
    ...(metrics.steps ? { steps: await stepsIn(store, entry, rollouts, scores) } : {}),
  };
}

async function stepsIn(
  store: ArtifactStore,
  entry: LedgerEntry,
  rollouts: readonly StoredRollout[],
  scores: readonly StoredScore[],
): Promise<StepCounts> {
  const { policy, config } = entry.manifest;
  const tokenizer = await tokenizerOf(store, policy);
  const { separator } = stepSettings(config);
  const cuts = rollouts.map(({ tokens }) => stepsOf(0, tokens, tokenizer, separator).cutBy);
  return countSteps(scores.map(({ influence }, i) => ({ influence, cutBy: cuts[i] })));
}
