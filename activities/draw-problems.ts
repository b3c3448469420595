import { writeArtifact } from '../store/formats/artifacts.js';
import { heartbeat, withHeartbeats, yieldToEvents } from '../durability/heartbeat.js';
import { ProblemDraw } from '../iteration/draw.js';
import { defineActivity } from './define-activity.js';
import { promptsOf } from '../services/policies.js';
import { openTask, trainingSet } from '../tasks/task.js';

/** The next problems of the seeded order whose prompts fit; the others are passed over and counted. */
export const drawProblems = defineActivity('drawProblems', async ({ store, manifest }, { cursor, count }) => {
  const { task } = manifest.config;
  const source = trainingSet(
    await withHeartbeats('read the problems', openTask(task.name, task.options, ['training'])),
    manifest,
  );
  const draw = new ProblemDraw(manifest, source, await promptsOf(store, manifest.policy), cursor);
  // `prepare` made sure that at least one prompt fits, so every epoch adds to the draw.
  while (draw.problems.length < count) {
    draw.advance(count);
    heartbeat({ doing: 'draw problems', done: draw.problems.length, total: count });
    await yieldToEvents();
  }
  return {
    problems: await writeArtifact(store, 'problems', { problems: draw.problems }),
    count,
    skippedPrompts: draw.skippedPrompts,
    cursor: draw.cursor,
  };
});
