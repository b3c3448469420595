import { writeArtifact } from '../store/formats/artifacts.js';
import { countSteps } from '../algorithm/step-counts.js';
import { defineActivity } from './define-activity.js';
import { loadedEngine, tokenizerOf } from '../services/policies.js';
import { readPrefixes } from '../services/batches.js';
import { scoreMeans } from '../iteration/scores.js';
import { scoreWith } from '../services/scores.js';
import { initialScoreRequest } from '../iteration/score-request.js';
import { stepEnds } from '../iteration/step-ranges.js';

const NOTHING = { logProbs: new Float32Array(), entropies: new Float32Array(), influence: new Float32Array() };

/**
 * One teacher-forced pass over the initial responses: log-probs, entropies and the influence of every step. Where the update finds
 * the log-probs itself, only where steps end.
 */
export const scoreInitial = defineActivity('scoreInitial', async (context, input) => {
  const { store, manifest } = context;
  const { problems, initial } = await readPrefixes(store, input);
  const tokenizer = await tokenizerOf(store, input.policy);

  const requests = initial.map(({ problem, tokens }) =>
    initialScoreRequest(problems[problem].prompt, tokens, manifest.config, tokenizer),
  );
  const ends = requests.map(({ stepRanges, promptLength }) => stepEnds({ stepRanges }, promptLength));
  if (manifest.config.update.oldLogProbs === 'update') {
    const unscored = ends.map((stepEnds) => ({ ...NOTHING, stepEnds }));
    return { scores: await writeArtifact(store, 'scores', unscored), ...scoreMeans(unscored) };
  }
  const { engine, id } = await loadedEngine(context, manifest, input.policy);
  const asked = requests.map(({ cutBy: _, ...request }) => request);
  const scores = (await scoreWith(engine, id, asked)).map(({ logProbs, entropies, fci }, i) => {
    return { logProbs, entropies, influence: fci.subarray(1), stepEnds: ends[i] };
  });
  return {
    scores: await writeArtifact(store, 'scores', scores),
    ...scoreMeans(scores),
    steps: countSteps(scores.map(({ influence }, i) => ({ influence, cutBy: requests[i].cutBy }))),
  };
});
