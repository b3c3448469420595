import type { Committed, ControlActivities } from '../contracts/activities.js';
import type { IterationRecord } from '../contracts/iteration-record.js';
import type { IterationSummary } from '../contracts/run.js';
import { putJson } from './io.js';
import { writeLine } from './run-folder.js';
import type { Services } from './services.js';

type CommitIteration = ControlActivities['commitIteration'];

/**
 * Writes the record of an iteration, chained to the one before, and mirrors it and the metrics in the run's folder.
 * The record has no clock in it, so it is the same each time; the mirror's lines replace their earlier selves.
 */
export const commitIteration =
  (services: Services): CommitIteration =>
  async (input): Promise<Committed> => {
    const {
      run,
      previous,
      batch,
      metrics,
      manifest,
      branches,
      tree,
      rows,
      controller,
      policy,
      learningRate,
      steering,
    } = input;
    const { iteration, sampledBy, cursor, problems, responses, verdicts, scores } = batch;
    const record: IterationRecord = {
      schema: 1,
      iteration,
      previous: previous?.sha256 ?? null,
      manifest,
      initial: { sampledBy, cursor, problems, responses, verdicts, scores },
      branches,
      tree,
      rows,
      controller,
      policy,
      metrics,
      learningRate,
      steering,
    };
    const ref = await putJson(services.store, 'iteration-record', record);
    const summary: IterationSummary = {
      ...metrics,
      iteration,
      seconds: Object.fromEntries(
        Object.entries(input.seconds).map(([phase, s]) => [phase, Math.round(s * 1000) / 1000]),
      ),
      tokensPerSecond: Math.round(input.tokensPerSecond),
    };
    await writeLine(services, run, 'ledger.jsonl', { number: iteration, value: { sha256: ref.sha256, ...record } });
    await writeLine(services, run, 'metrics.jsonl', { number: iteration, value: summary });
    return { record: ref, summary };
  };
