/** Sampling, beside Hugging Face transformers' `generate` (best of eager and sdpa attention, growing and static cache). */
import { openInferenceEngine } from '../../policy/processes/open.js';
import type { InferenceEngine } from '../../contracts/engine/engine.js';
import { best, inTurn, secondsOf } from './in-turn.js';
import { THREADS } from './machine.js';
import { Peer } from './peer.js';
import { NARROW, randomTokens, WIDE, withModels, type RandomModel } from './random-model.js';
import { higherIsBetter, type Row } from './report.js';

interface Case {
  readonly name: string;
  readonly prompts: number;
  readonly promptTokens: number;
  readonly siblings: number;
  readonly newTokens: number;
  readonly target: number;
}

const CASES: readonly Case[] = [
  { name: '64 prompts, 256 new tokens', prompts: 64, promptTokens: 16, siblings: 1, newTokens: 256, target: 2.5 },
  {
    name: '16 prefixes of 256, 4 siblings, 64 new tokens',
    prompts: 16,
    promptTokens: 256,
    siblings: 4,
    newTokens: 64,
    target: 4,
  },
];
const VARIANTS = ['eager', 'sdpa'].flatMap((attention) =>
  [null, 'static'].map((cache) => ({
    attention,
    cache,
    name: cache === null ? attention : `${attention}, ${cache} cache`,
  })),
);

export function decode(): Promise<Row[]> {
  return withModels([WIDE, NARROW], async (...models) => {
    const peer = await Peer.start('decode.py');
    const engine = openInferenceEngine({ threads: THREADS });
    try {
      const rows: Row[] = [];
      for (const model of models) {
        await engine.load(model.policy);
        for (const attention of ['eager', 'sdpa']) {
          const { directory } = model;
          await peer.ask({
            operation: 'load',
            name: model.shape.name + attention,
            directory,
            attention,
            threads: THREADS,
          });
        }
        for (const one of CASES) rows.push(await measure(engine, peer, model, one));
      }
      return rows;
    } finally {
      await engine.close();
      await peer.close();
    }
  });
}

async function measure(engine: InferenceEngine, peer: Peer, model: RandomModel, one: Case): Promise<Row> {
  const tokens = one.prompts * one.siblings * one.newTokens;
  const name = `${model.shape.name} · ${one.name}`;
  // Other prompts in each round: nobody profits from what it kept of the round before.
  const promptsOf = (round: number): number[][] => randomTokens(model.shape, one.prompts, one.promptTokens, round);
  const { ours, ...peers } = await inTurn(name, {
    ours: (round) => {
      const prompts = promptsOf(round);
      return secondsOf(() => generate(engine, model, prompts, one, round));
    },
    ...Object.fromEntries(
      VARIANTS.map(({ attention, cache, name: variant }) => [
        variant,
        async (round: number) => {
          const reply = await peer.ask<{ seconds: number; tokens: number }>({
            operation: 'generate',
            name: model.shape.name + attention,
            prompts: promptsOf(round),
            siblings: one.siblings,
            newTokens: one.newTokens,
            cache,
          });
          requireTokens(reply.tokens, tokens);
          return reply.seconds;
        },
      ]),
    ),
  });
  const fastest = best(peers);
  return higherIsBetter(
    {
      case: name,
      metric: `throughput (peer: transformers, ${fastest.name})`,
      unit: 'tokens/s',
      ours: tokens / ours,
      peer: tokens / fastest.value,
    },
    one.target,
  );
}

/** @throws RangeError when not every token was generated */
export async function generate(
  engine: InferenceEngine,
  { policy }: Pick<RandomModel, 'policy'>,
  prompts: readonly number[][],
  { siblings, newTokens }: Pick<Case, 'siblings' | 'newTokens'>,
  round: number,
): Promise<void> {
  const requests = prompts.flatMap((prompt, problem) => {
    const prefix = Int32Array.from(prompt);
    return Array.from({ length: siblings }, (_, response) => ({
      prefix,
      uniforms: { kind: 'counter' as const, key: { runSeed: 0, iteration: round, problem, response, branch: 0 } },
      maxNewTokens: newTokens,
      temperature: 1,
      stopIds: [],
    }));
  });
  const rollouts = await engine.generate(policy.id, requests);
  requireTokens(
    rollouts.reduce((sum, rollout) => sum + rollout.tokens.length, 0),
    requests.length * newTokens,
  );
}

export function requireTokens(made: number, wanted: number): void {
  if (made !== wanted) throw new RangeError(`${made} tokens were generated, not ${wanted}`);
}
