/** Accuracy of a model folder on the six held-out sets. */
import { openInferenceEngine } from '../../policy/processes/open.js';
import { TemplatedPrompts } from '../../policy/model/chat-template.js';
import { readTokenizer } from '../../policy/model/tokenizer.js';
import type { EvaluationResult, EvaluationSettings } from '../../tasks/evaluate.js';
import { evaluate } from '../../tasks/evaluate.js';
import { evaluationProblems } from '../../tasks/straight-line/problem-sets.js';
import { readPolicy } from './model-folder.js';

/** As the default run evaluates. */
export const EVALUATION: EvaluationSettings = {
  seed: 0,
  problems: 100,
  samplesPerProblem: 4,
  temperature: 0.6,
  maxPromptTokens: 256,
  maxResponseTokens: 256,
};

export async function evaluateModel(folder: string): Promise<EvaluationResult[]> {
  const tokenizer = await readTokenizer(folder);
  const policy = await readPolicy(folder);
  const engine = openInferenceEngine();
  try {
    await engine.load(policy);
    const results: EvaluationResult[] = [];
    const prompts = new TemplatedPrompts(tokenizer, undefined, folder);
    for (const set of evaluationProblems()) {
      results.push(await evaluate(set, { id: policy.id, engine, tokenizer, prompts }, EVALUATION));
    }
    return results;
  } finally {
    await engine.close();
  }
}
