import type { ControlActivities } from '../contracts/activities.js';
import type { EvaluationSummary } from '../contracts/run.js';
import { putJson } from './io.js';
import { writeLine } from './run-folder.js';
import type { Services } from './services.js';

type RecordEvaluation = ControlActivities['recordEvaluation'];

/** Joins the sets' results into one artifact and mirrors them in the run's folder. */
export const recordEvaluation =
  (services: Services): RecordEvaluation =>
  async ({ run, policy, policyVersion, sets }): Promise<EvaluationSummary> => {
    const results = sets.map(({ seconds: _, ...result }) => result);
    const evaluation = await putJson(services.store, 'evaluation', { policy, sets: results });
    const accuracies = sets.map(({ accuracy }) => accuracy);
    const mean = accuracies.reduce((sum, accuracy) => sum + accuracy, 0) / accuracies.length;
    const byName = Object.fromEntries(sets.map(({ set, accuracy }) => [set, accuracy]));
    const value = { mean, accuracy: byName, evaluation };
    await writeLine(services, run, 'evaluations.jsonl', { number: policyVersion, value });
    return { policyVersion, accuracies, mean, evaluation };
  };
