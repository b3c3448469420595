import { readArtifact } from '../store/formats/artifacts.js';
import { bootstrapIntervals, type Interval } from '../algorithm/bootstrap.js';
import type { ControlActivities, SampledSet } from '../contracts/protocol/activities.js';
import type { RecordedEvaluation, SetSummary } from '../contracts/protocol/run.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { evaluationResult, setNumber, type EvaluationResult, type JudgedSample } from '../tasks/evaluate.js';
import { heartbeat, yieldToEvents } from '../durability/heartbeat.js';
import { putJson } from '../store/formats/io.js';
import { insertLine } from '../services/run-folder.js';
import type { Services } from '../services/services.js';

type RecordEvaluation = ControlActivities['recordEvaluation'];

/**
 * What the samples of all sets say, as one artifact that also names them, and in the run's folder. The same samples give the same
 * artifact.
 */
export const recordEvaluation =
  (services: Services): RecordEvaluation =>
  async ({ manifest, run, policy, policyVersion, sets }): Promise<RecordedEvaluation> => {
    const { store } = services;
    const { seed } = (await readArtifact(store, manifest)).config;
    const results: EvaluationResult[] = [];
    for (const set of sets) {
      heartbeat({ doing: 'count', done: results.length, total: sets.length });
      results.push(await resultOf(store, set));
      await yieldToEvents();
    }
    const intervals = bootstrapIntervals(
      results.map(({ correct }, i) => correct.map((problem) => problem.correct / sets[i].samplesPerProblem)),
      seed,
      sets.map(({ set }) => setNumber(set)),
    );
    const accuracies = results.map(({ accuracy }) => accuracy);
    const mean = accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / accuracies.length;
    const evaluation = await putJson(store, 'evaluation', {
      policy,
      mean,
      interval: intervals.mean,
      sets: results.map((result, i) => ({ ...result, interval: intervals.sets[i], ...samplesOf(sets[i]) })),
    });
    const accuracy = Object.fromEntries(sets.map(({ set }, i) => [set, accuracies[i]]));
    await insertLine(services, run, 'evaluations.jsonl', {
      number: policyVersion,
      value: { mean, accuracy, interval: intervals.mean, evaluation },
    });
    return {
      summary: { policyVersion, accuracies, mean, evaluation },
      sets: results.map((result, i) => summaryOf(result, intervals.sets[i], sets[i])),
      interval: bounds(intervals.mean),
    };
  };

async function resultOf(store: ArtifactStore, { set, problems: ref, skippedPrompts, shards }: SampledSet) {
  const { problems } = await readArtifact(store, ref);
  const judged: JudgedSample[] = [];
  for (const { rollouts, verdicts: verdictsRef } of shards) {
    const { verdicts } = await readArtifact(store, verdictsRef);
    (await readArtifact(store, rollouts)).forEach(({ tokens, finished }, i) =>
      judged.push({ tokens: tokens.length, finished, correct: verdicts[i].reward === 1 }),
    );
  }
  const named = problems.map(({ id, index }) => ({ id: id ?? `${set}/${index}` }));
  return evaluationResult(set, { problems: named, skippedPrompts }, judged);
}

function samplesOf({ problems, samplesPerProblem, shards }: SampledSet) {
  return { samplesPerProblem, artifacts: { problems, shards } };
}

function summaryOf(
  { set, problems, skippedPrompts, accuracy, passAt, meanLength, truncated }: EvaluationResult,
  interval: Interval,
  { samplesPerProblem }: SampledSet,
): SetSummary {
  return {
    set,
    problems,
    samplesPerProblem,
    skippedPrompts,
    accuracy: rounded(accuracy),
    interval: bounds(interval),
    passAtK: rounded(passAt[samplesPerProblem] ?? 0),
    meanLength: rounded(meanLength),
    truncated: rounded(truncated),
  };
}

function bounds({ low, high }: Interval): SetSummary['interval'] {
  return [rounded(low), rounded(high)];
}

/** A history holds small results only. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
