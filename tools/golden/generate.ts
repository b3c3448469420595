/** Topic `generate`: sampling with given uniform numbers. */
import { join } from 'node:path';
import { z } from 'zod';
import { openCheckpoint } from './checkpoint.js';
import { closely, exactly } from './compare.js';
import { checkCase, integers, reals } from './topic.js';
import type { Topic } from './topic.js';

const generateCase = z.object({
  checkpoint: z.string(),
  prefix_ids: integers,
  uniforms: z.array(z.number()),
  temperature: z.number(),
  eos_ids: integers,
  max_new_tokens: z.int(),
  expected: z.object({ token_ids: integers, log_probs: reals, finished: z.boolean() }),
});

const ENGINE = { relative: 1e-4, absolute: 1e-4 };

export const generateTopic: Topic = {
  generate: checkCase(generateCase, async (goldenCase, { directory, engines }) => {
    const { inference } = await engines();
    const { policy } = await openCheckpoint(join(directory, goldenCase.checkpoint));
    await inference.load(policy);
    const [rollout] = await inference.generate(policy.id, [
      {
        prefix: Int32Array.from(goldenCase.prefix_ids),
        uniforms: { kind: 'given', values: goldenCase.uniforms },
        maxNewTokens: goldenCase.max_new_tokens,
        temperature: goldenCase.temperature,
        stopIds: goldenCase.eos_ids,
      },
    ]);
    const { expected } = goldenCase;
    return [
      ...exactly('token_ids', rollout.tokens, expected.token_ids),
      ...exactly('finished', rollout.finished, expected.finished),
      ...closely('log_probs', rollout.logProbs, expected.log_probs, ENGINE),
    ];
  }),
};
