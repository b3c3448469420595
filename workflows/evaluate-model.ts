import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { RunForm } from '../contracts/config-form.js';
import type { ModelEvaluation } from '../contracts/run.js';
import { activity } from './activities.js';
import { evaluation } from './evaluation.js';
import { rootFailure } from './failures.js';
import { evaluationDetails } from './summaries.js';

/** Accuracy of a model on the held-out sets, without training. Takes the same form as a run. */
export async function evaluateModel(form?: RunForm): Promise<ModelEvaluation> {
  try {
    const { manifest, policy, plan, model } = await activity('prepare', 'check configuration, model, task', {
      form: form ?? {},
    });
    const sets = plan.evaluationSets;
    const run = workflowInfo().workflowId;
    const summary = await evaluation({ run, manifest, policy, policyVersion: 0, sets, plan });
    setCurrentDetails(`**${model}**\n\n${evaluationDetails(sets, [summary])}`);
    return { model, evaluationSets: sets, summary };
  } catch (error) {
    throw rootFailure(error);
  }
}
