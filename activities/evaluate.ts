import type { RolloutActivities } from '../contracts/activities.js';
import { judgeEvaluation, planEvaluation } from '../tasks/evaluate.js';
import { openTask } from './task.js';
import { durable, timed } from './durable.js';
import { generateDurably } from './generate-durably.js';
import { putJson, readManifest } from './io.js';
import { loadedEngine } from './policies.js';

type Evaluate = RolloutActivities['evaluate'];

/** Accuracy on one held-out set. */
export const evaluate = durable<Parameters<Evaluate>[0], Awaited<ReturnType<Evaluate>>>(
  'evaluate',
  (services, input, journal) =>
    timed(async () => {
      const manifest = await readManifest(services.store, input.manifest);
      const { seed, task, evaluation } = manifest.config;
      const source = (await openTask(task.name, task.options)).evaluation.find(({ name }) => name === input.set);
      if (!source) throw new RangeError(`the task has no held-out set "${input.set}"`);
      const { engine, id, tokenizer } = await loadedEngine(services, manifest, input.policy);
      const plan = planEvaluation(source, tokenizer, { ...evaluation, seed, problems: evaluation.problemsPerSet });
      const background = true; // beside the training, never in its way
      const rollouts = await generateDurably(engine, id, plan.requests, journal, { background });
      const result = judgeEvaluation(input.set, plan, rollouts, tokenizer);
      return {
        set: input.set,
        evaluation: await putJson(services.store, 'evaluation', { ...result, policy: input.policy }),
        accuracy: result.accuracy,
        samples: result.samples,
        skippedPrompts: result.skippedPrompts,
      };
    }),
);
