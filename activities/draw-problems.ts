import { drawProblems as drawIndices, type DataCursor } from '../algorithm/data-order.js';
import type { ControlActivities } from '../contracts/activities.js';
import { openTask } from './task.js';
import { beat, breathe } from './beat.js';
import { durable, timed } from './durable.js';
import type { ProblemBatch, StoredProblem } from './formats/documents.js';
import { putJson, readManifest } from './io.js';
import { tokenizerOf } from './policies.js';

type DrawProblems = ControlActivities['drawProblems'];

/** The next problems of the seeded order whose prompts fit; the others are passed over and counted. */
export const drawProblems = durable<Parameters<DrawProblems>[0], Awaited<ReturnType<DrawProblems>>>(
  'drawProblems',
  ({ store }, { manifest, cursor: start, count }) =>
    timed(async () => {
      const { config, policy, dataSetSize } = await readManifest(store, manifest);
      const tokenizer = await tokenizerOf(store, policy);
      const source = (await openTask(config.task.name, config.task.options)).training;
      const order = { seed: config.seed, size: dataSetSize };
      const problems: StoredProblem[] = [];
      let skippedPrompts = 0;
      let cursor: DataCursor = start;
      // `prepare` made sure that at least one prompt fits, so every epoch adds to the draw.
      while (problems.length < count) {
        const draw = drawIndices(order, cursor, count - problems.length);
        cursor = draw.cursor;
        for (const index of draw.indices) {
          const { prompt, groundTruth } = source.problem(index);
          const tokens = tokenizer.encode(prompt);
          if (tokens.length > config.sampling.maxPromptTokens) skippedPrompts += 1;
          else problems.push({ index, prompt: [...tokens], groundTruth });
        }
        beat({ doing: 'draw problems', done: problems.length, total: count });
        await breathe();
      }
      const batch: ProblemBatch = { problems };
      return { problems: await putJson(store, 'problems', batch), count, skippedPrompts, cursor };
    }),
);
