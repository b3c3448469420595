import { readArtifact, writeArtifact } from '../store/formats/artifacts.js';
import { defineActivity } from './define-activity.js';
import { loadedEngine } from '../services/policies.js';
import { readPrefixes } from '../services/batches.js';
import { meanEntropy } from '../iteration/scores.js';
import { scoreWith } from '../services/scores.js';

const NONE = { influence: new Float32Array(), stepEnds: new Int32Array() };

/** Log-probs and entropies of the new tokens of the branches, by the policy that sampled them. */
export const scoreBranches = defineActivity('scoreBranches', async (context, input) => {
  const { store, manifest } = context;
  const prefixes = await readPrefixes(store, input);
  const branches = await readArtifact(store, input.branches);
  const { engine, id } = await loadedEngine(context, manifest, input.policy);
  const { temperature } = manifest.config.sampling;
  const requests = branches.map((branch) => {
    const prefix = prefixes.before(branch);
    const tokens = Int32Array.from([...prefix, ...branch.tokens]);
    return { tokens, promptLength: prefix.length, temperature };
  });
  const scored = await scoreWith(engine, id, requests);
  const scores = scored.map(({ logProbs, entropies }) => ({ logProbs, entropies, ...NONE }));
  return { scores: await writeArtifact(store, 'scores', scores), meanFci: 0, meanEntropy: meanEntropy(scores) };
});
