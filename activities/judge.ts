import { rewardOf } from '../tasks/reward.js';
import type { PolicyTokenizer } from '../policy/tokenizer.js';
import type { Verdicts } from './formats/documents.js';
import type { StoredRollout } from './formats/rollouts.js';
import type { Prefixes } from './prefixes.js';

/** The verdict on a whole path: the kept part of the initial response and the new tokens. */
export function judge(
  rollout: StoredRollout,
  prefixes: Prefixes,
  tokenizer: PolicyTokenizer,
): Verdicts['verdicts'][number] {
  const text = tokenizer.decode([...prefixes.kept(rollout), ...rollout.tokens]);
  return rewardOf(text, prefixes.problems[rollout.problem].groundTruth);
}
