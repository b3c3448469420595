import { deriveSeed, Purpose } from '../algorithm/random.js';
import type { RolloutActivities } from '../contracts/activities.js';
import { openTask } from '../tasks/open.js';
import { durable, timed } from './durable.js';
import type { EvaluationDocument } from './formats/documents.js';
import { putJson, readManifest } from './io.js';
import { tokenizerOf } from './policies.js';
import { rollOut } from './rollouts.js';
import { breathe } from './beat.js';

type Evaluate = RolloutActivities['evaluate'];

/**
 * Accuracy on one held-out set: share of correct samples, mean over its problems. Every policy of a run sees the same
 * problems and the same uniform numbers, so that two policies differ by what they learnt and less by luck.
 */
export const evaluate = durable<Parameters<Evaluate>[0], Awaited<ReturnType<Evaluate>>>('evaluate', (services, input) =>
  timed(async () => {
    const { store } = services;
    const manifest = await readManifest(store, input.manifest);
    const { config } = manifest;
    const settings = config.evaluation;
    const tokenizer = await tokenizerOf(store, input.policy);
    const task = openTask(config.task);
    const number = task.evaluationSets.findIndex(({ name }) => name === input.set);
    const set = task.evaluationSets[number];

    const all = Array.from({ length: Math.min(settings.problemsPerSet, set.size) }, (_, index) => set.problem(index));
    const problems = all
      .map(({ index, prompt, groundTruth }) => ({ index, prompt: tokenizer.encode(prompt), groundTruth }))
      .filter(({ prompt }) => prompt.length <= settings.maxPromptTokens);
    const rollouts = await rollOut(services, manifest, input.policy, {
      planned: problems.flatMap(({ prompt }, problem) =>
        Array.from({ length: settings.samplesPerProblem }, (_, response) => ({
          problem,
          response,
          branch: 0,
          at: 0,
          request: { prefix: prompt, maxNewTokens: settings.maxResponseTokens },
        })),
      ),
      runSeed: deriveSeed(config.seed, Purpose.evaluation, [number]),
      iteration: 0,
      temperature: settings.temperature,
    });

    const samples: EvaluationDocument['samples'][number][] = [];
    for (const { problem, tokens } of rollouts) {
      const { index, groundTruth } = problems[problem];
      const response = tokenizer.decode(tokens);
      samples.push({ problem: index, response, ...(await task.verify(response, groundTruth)) });
      await breathe();
    }
    const correct = samples.filter(({ reward }) => reward === 1).length;
    const document: EvaluationDocument = { set: input.set, policy: input.policy, samples };
    return {
      set: input.set,
      evaluation: await putJson(store, 'evaluation', document),
      accuracy: samples.length === 0 ? 0 : correct / samples.length,
      samples: samples.length,
      skippedPrompts: all.length - problems.length,
    };
  }),
);
