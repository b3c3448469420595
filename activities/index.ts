import type { Activities } from '../contracts/protocol/activities.js';
import { ACTIVITY_ROLES } from '../contracts/protocol/activity-roles.js';
import type { Role } from '../contracts/protocol/queues.js';
import { assertSmall } from '../contracts/protocol/result-size.js';
import { handedBack } from '../durability/heartbeat.js';
import { chooseBranchPoints } from './choose-branch-points.js';
import { commitIteration } from './commit-iteration.js';
import { drawHeldOut } from './draw-held-out.js';
import { drawProblems } from './draw-problems.js';
import { explainWait } from './explain-wait.js';
import { finishRun } from './finish-run.js';
import { generateBranches } from './generate-branches.js';
import { generateSamples } from './generate-samples.js';
import { generate } from './generate.js';
import { growTree } from './grow-tree.js';
import { identifySender } from './identify-sender.js';
import { joinShards } from './join-shards.js';
import { prepare } from './prepare.js';
import { recordEvaluation } from './record-evaluation.js';
import { scoreBranches } from './score-branches.js';
import { scoreInitial } from './score-initial.js';
import type { Services } from '../services/services.js';
import { update } from './update.js';
import { verify } from './verify.js';

type AnyActivity = (input: unknown) => Promise<unknown>;

/** The activities of one role. A result too large for a history is refused before it is sent. */
export function createActivities(services: Services, role: Role): Record<string, AnyActivity> {
  const all: Activities = {
    prepare: prepare(services),
    identifySender: identifySender(),
    drawProblems: drawProblems(services),
    joinShards: joinShards(services),
    chooseBranchPoints: chooseBranchPoints(services),
    growTree: growTree(services),
    commitIteration: commitIteration(services),
    drawHeldOut: drawHeldOut(services),
    recordEvaluation: recordEvaluation(services),
    explainWait: explainWait(),
    finishRun: finishRun(services),
    generate: generate(services),
    generateBranches: generateBranches(services),
    scoreInitial: scoreInitial(services),
    scoreBranches: scoreBranches(services),
    generateSamples: generateSamples(services),
    update: update(services),
    verify: verify(services),
  };
  const ofRole = Object.entries(all).filter(([name]) => ACTIVITY_ROLES[name as keyof Activities] === role);
  return Object.fromEntries(ofRole.map(([name, run]) => [name, bounded(name, run as AnyActivity)]));
}

function bounded(name: string, run: AnyActivity): AnyActivity {
  return async (input) => {
    const result = await run(input).catch((error: unknown) => {
      throw handedBack(error);
    });
    assertSmall(result, name);
    return result;
  };
}
