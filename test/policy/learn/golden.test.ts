import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { OnnxLearner } from '../../../policy/learn/onnx-learner.js';

const folder = join(import.meta.dirname, '../../../../shared/golden');
const topic = JSON.parse(readFileSync(join(folder, 'update.json'), 'utf8'));
const learner = new OnnxLearner({ threads: 2 });
afterAll(() => learner.close());

for (const c of topic.cases) {
  test(c.id, async () => {
    const checkpoint = join(folder, c.checkpoint);
    const config = JSON.parse(readFileSync(join(checkpoint, 'config.json'), 'utf8'));
    await learner.load({ policy: { id: 'golden', config, weights: [join(checkpoint, 'model.safetensors')] } });
    const rows = c.sequences.map((s: any) => {
      const pad = (v: number[]) => Float32Array.from([...Array(s.prompt_len).fill(0), ...v]);
      return {
        tokens: Int32Array.from(s.token_ids),
        predecessors: Int32Array.from(s.token_ids, (_: number, i: number) => i - 1),
        weights: pad(s.token_ids.slice(s.prompt_len).map(() => 1)),
        advantages: pad(s.advantages ),
        oldLogProbs: pad(s.log_probs_old),
        refLogProbs: pad(s.log_probs_ref),
      };
    });
    const k = c.config;
    for (const step of c.expected.steps) {
      const m = await learner.update(rows, { temperature: k.temperature, clipLow: k.clip_low, clipHigh: k.clip_high, dualClip: k.dual_clip, klWeight: k.kl_weight },
        { learningRate: k.learning_rate, betas: k.betas, eps: k.eps, weightDecay: k.weight_decay, maxGradNorm: k.max_grad_norm }, 32);
      console.log(m, step.loss, step.pg_loss, step.kl, step.grad_norm);
      const norms = await learner.lastGradNorms();
      let worst = 0;
      for (const [name, v] of Object.entries(step.clipped_grad_norms)) worst = Math.max(worst, Math.abs(norms[name]! - (v as number)) / (v as number));
      console.log('worst', worst);
      expect(Math.abs(m.loss - step.loss)).toBeLessThan(2e-3);
    }
  });
}
