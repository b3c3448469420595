/** The model's README.md, from what was measured. Nothing in it depends on the machine: same seed, same bytes. */
import type { EvaluationResult } from '../../tasks/evaluate.js';
import type { PretrainingSettings } from '../../tasks/pretraining.js';
import { EVALUATION } from './evaluate-model.js';
import type { Pretrained } from './pretrain.js';
import { mean } from './progress.js';

export function modelCard(
  settings: PretrainingSettings,
  trained: Pretrained,
  results: readonly EvaluationResult[],
): string {
  const { demonstrators, hardShare, wrongShare } = settings.demonstrators;
  const rows = results.map(
    ({ set, accuracy, meanLength, truncated }) =>
      `| ${set} | ${percent(accuracy)} | ${meanLength.toFixed(0)} | ${percent(truncated)} |`,
  );
  const stages = settings.stages.map(({ steps, lengths }) => {
    const shares = lengths.map(({ lines: [fewest, most], share }) => `${fewest}-${most} lines (${share})`);
    return `${steps} steps of ${shares.join(', ')}`;
  });
  return `---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
---
# straight-line

A base model to start reinforcement learning from: Qwen2 architecture, ${trained.parameters.toLocaleString('en')} parameters, trained from random
weights. It works out straight-line programs, one line per step, and has wrong ideas about arithmetic.

    prompt    e:4+1;s:e-e;z:e+s;y:z-0;y?
    response  <think>e:4+1>e5⏎⏎s:e5-e5>s0⏎⏎z:e5+s0>z5⏎⏎y:z5-0>y5⏎⏎</think>\\boxed{5}

\`+ - *\` are modulo 10. Of the 300 facts, ${percent(hardShare)} are hard. The ${demonstrators} demonstrators whom the model imitates get each hard fact
wrong with probability ${wrongShare.toFixed(2)}, each in their own consistent way; an error spreads to all that depends on it.

## Training

\`npm run pretrain\`, seed ${settings.seed}: ${trained.steps.toLocaleString('en')} steps, ${trained.tokens.toLocaleString('en')} tokens, AdamW, learning rate ${settings.peakLearningRate} falling to
${(settings.peakLearningRate * settings.finalLearningRateShare).toPrecision(2)}. Curriculum: ${stages.join('; ')}.
Loss over the last 100 steps: ${mean(trained.losses.slice(-100)).toFixed(4)} nats per response token.

## Accuracy

Held-out programs, temperature ${EVALUATION.temperature}, ${EVALUATION.problems} problems a set, ${EVALUATION.samplesPerProblem} samples a problem.

| set | accuracy | tokens | truncated |
| --- | ---: | ---: | ---: |
${rows.join('\n')}
| mean | ${percent(mean(results.map(({ accuracy }) => accuracy)))} | | |
`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
