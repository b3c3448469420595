import { setWorkflowOptions, workflowInfo } from '@temporalio/workflow';
import { training } from './training.js';

// Where workers are versioned, a run of days moves to the newest build; its children, which are short, end on theirs. A
// server refuses a behaviour from workers that are not versioned.
setWorkflowOptions(
  () => (workflowInfo().currentDeploymentVersion?.deploymentName ? { versioningBehavior: 'AUTO_UPGRADE' } : {}),
  training,
);

export { training };
export { sampleInitial } from './sample-initial.js';
export { growAndLearn } from './grow-and-learn.js';
export { evaluation } from './evaluation.js';
export { evaluateModel } from './evaluate-model.js';
