import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { RunForm } from '../contracts/config/form.js';
import type { ModelEvaluation } from '../contracts/protocol/run.js';
import { activity } from './activities.js';
import { evaluateSets } from './evaluation.js';
import { rootFailure } from './failures.js';
import { setDetails, withReasons } from './summaries.js';
import { explained } from './waiting.js';

/** Accuracy of a model on the held-out sets, without training. Takes the same form as a run. */
export async function evaluateModel(form?: RunForm): Promise<ModelEvaluation> {
  try {
    const { manifest, policy, plan, model } = await activity('prepare', 'check configuration, model, problems', {
      form: form ?? {},
      evaluationOnly: true,
    });
    const { evaluationSets: sets } = plan;
    const run = workflowInfo().workflowId;
    const show = (reasons: readonly string[]): void =>
      setCurrentDetails(withReasons(`**${model}** on ${sets.join(', ')}`, reasons));
    show([]);
    const work = evaluateSets({ run, manifest, policy, policyVersion: 0, sets, plan });
    const evaluated = await explained(plan, { run }, show, work);
    setCurrentDetails(`**${model}**\n\n${setDetails(evaluated)}`);
    return { model, ...evaluated };
  } catch (error) {
    throw rootFailure(error);
  }
}
