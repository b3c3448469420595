import { meanInfluence } from '../algorithm/adaptive-sampling.js';
import { countSteps } from '../algorithm/step-counts.js';
import type { RolloutActivities } from '../contracts/activities.js';
import { durable, timed } from './durable.js';
import { readManifest } from './io.js';
import { loadedEngine } from './policies.js';
import { readPrefixes } from './prefixes.js';
import { meanEntropy, scoreWith, storeScores } from './scores.js';
import { initialScoreRequest } from './score-request.js';
import { stepEnds } from './step-ranges.js';

type ScoreInitial = RolloutActivities['scoreInitial'];

/** One teacher-forced pass over the initial responses: log-probs, entropies and the influence of every step. */
export const scoreInitial = durable<Parameters<ScoreInitial>[0], Awaited<ReturnType<ScoreInitial>>>(
  'scoreInitial',
  (services, input) =>
    timed(async () => {
      const { store } = services;
      const manifest = await readManifest(store, input.manifest);
      const { problems, initial } = await readPrefixes(store, input);
      const { engine, id, tokenizer } = await loadedEngine(services, manifest, input.policy);

      const requests = initial.map(({ problem, tokens }) =>
        initialScoreRequest(problems[problem].prompt, tokens, manifest.config, tokenizer),
      );
      const asked = requests.map(({ cutBy: _, ...request }) => request);
      const scores = (await scoreWith(engine, id, asked)).map(({ logProbs, entropies, fci }, i) => {
        const { stepRanges, promptLength } = requests[i];
        return {
          logProbs,
          entropies,
          influence: fci.subarray(1),
          stepEnds: stepEnds({ stepRanges }, promptLength),
        };
      });
      return {
        scores: await storeScores(store, scores),
        meanFci: meanInfluence(scores.map(({ influence }) => influence)),
        meanEntropy: meanEntropy(scores),
        steps: countSteps(scores.map(({ influence }, i) => ({ influence, cutBy: requests[i].cutBy }))),
      };
    }),
);
