import type { ControlActivities } from '../contracts/activities.js';
import { evaluatedProblems } from '../tasks/evaluate.js';
import { beating } from './beat.js';
import { durable, timed } from './durable.js';
import type { ProblemBatch } from './formats/documents.js';
import { putJson, readManifest } from './io.js';
import { promptsOf } from './policies.js';
import { heldOutSet, openTask } from './task.js';

type DrawHeldOut = ControlActivities['drawHeldOut'];

/** The first problems of a held-out set whose prompts fit: the same for every policy of the run. */
export const drawHeldOut = durable<Parameters<DrawHeldOut>[0], Awaited<ReturnType<DrawHeldOut>>>(
  'drawHeldOut',
  ({ store }, { manifest: ref, set }) =>
    timed(async () => {
      const manifest = await readManifest(store, ref);
      const { config, policy } = manifest;
      const { task, evaluation } = config;
      const opened = await beating('read the problems', openTask(task.name, task.options, ['evaluation']));
      const source = heldOutSet(opened, manifest, set);
      const limits = { ...evaluation, problems: evaluation.problemsPerSet };
      const { problems, skippedPrompts } = evaluatedProblems(source, await promptsOf(store, policy), limits);
      const batch: ProblemBatch = { problems: problems.map((one) => ({ ...one, prompt: [...one.prompt] })) };
      return {
        set,
        problems: await putJson(store, 'problems', batch),
        count: problems.length,
        samplesPerProblem: evaluation.samplesBySet?.[set] ?? evaluation.samplesPerProblem,
        skippedPrompts,
      };
    }),
);
