import type { ControlActivities } from '../contracts/activities.js';
import { beat, beating, breathe } from './beat.js';
import { ProblemDraw } from './draw.js';
import { durable, timed } from './durable.js';
import type { ProblemBatch } from './formats/documents.js';
import { putJson, readManifest } from './io.js';
import { promptsOf } from './policies.js';
import { openTask, trainingSet } from './task.js';

type DrawProblems = ControlActivities['drawProblems'];

/** The next problems of the seeded order whose prompts fit; the others are passed over and counted. */
export const drawProblems = durable<Parameters<DrawProblems>[0], Awaited<ReturnType<DrawProblems>>>(
  'drawProblems',
  ({ store }, { manifest: ref, cursor, count }) =>
    timed(async () => {
      const manifest = await readManifest(store, ref);
      const { task } = manifest.config;
      const source = trainingSet(
        await beating('read the problems', openTask(task.name, task.options, ['training'])),
        manifest,
      );
      const draw = new ProblemDraw(manifest, source, await promptsOf(store, manifest.policy), cursor);
      // `prepare` made sure that at least one prompt fits, so every epoch adds to the draw.
      while (draw.problems.length < count) {
        draw.advance(count);
        beat({ doing: 'draw problems', done: draw.problems.length, total: count });
        await breathe();
      }
      const batch: ProblemBatch = { problems: draw.problems };
      return {
        problems: await putJson(store, 'problems', batch),
        count,
        skippedPrompts: draw.skippedPrompts,
        cursor: draw.cursor,
      };
    }),
);
