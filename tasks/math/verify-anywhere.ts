/** The mathematics verifier with `answer: "anywhere"`, as a module for a pool. */
import { rewardOf } from '../reward.js';
import type { Verify } from '../verifier.js';

export const verify: Verify = ({ groundTruth }, response) => rewardOf(response, groundTruth, 'anywhere');
