import { writeArtifact } from '../store/formats/artifacts.js';
import { evaluatedProblems } from '../tasks/evaluate.js';
import { withHeartbeats } from '../durability/heartbeat.js';
import { defineActivity } from './define-activity.js';
import { promptsOf } from '../services/policies.js';
import { heldOutSet, openTask } from '../tasks/task.js';

/** The first problems of a held-out set whose prompts fit: the same for every policy of the run. */
export const drawHeldOut = defineActivity('drawHeldOut', async ({ store, manifest }, { set }) => {
  const { config, policy } = manifest;
  const { task, evaluation } = config;
  const opened = await withHeartbeats('read the problems', openTask(task.name, task.options, ['evaluation']));
  const source = heldOutSet(opened, manifest, set);
  const limits = { ...evaluation, problems: evaluation.problemsPerSet };
  const { problems, skippedPrompts } = evaluatedProblems(source, await promptsOf(store, policy), limits);
  return {
    set,
    problems: await writeArtifact(store, 'problems', {
      problems: problems.map((one) => ({ ...one, prompt: [...one.prompt] })),
    }),
    count: problems.length,
    samplesPerProblem: evaluation.samplesBySet?.[set] ?? evaluation.samplesPerProblem,
    skippedPrompts,
  };
});
