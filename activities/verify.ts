import type { VerifierActivities } from '../contracts/activities.js';
import { beat, breathe } from './beat.js';
import { durable, timed } from './durable.js';
import { judge } from './judge.js';
import type { Verdicts } from './formats/documents.js';
import { decodeRollouts } from './formats/rollouts.js';
import { getArrays, putJson, readManifest } from './io.js';
import { tokenizerOf } from './policies.js';
import { readPrefixes } from './prefixes.js';

type Verify = VerifierActivities['verify'];

/** Verdicts on whole paths: the kept part of the initial response and the new tokens. */
export const verify = durable<Parameters<Verify>[0], Awaited<ReturnType<Verify>>>('verify', ({ store }, input) =>
  timed(async () => {
    const { policy } = await readManifest(store, input.manifest);
    const tokenizer = await tokenizerOf(store, policy);
    const prefixes = await readPrefixes(store, input);
    const rollouts = input.branches ? decodeRollouts(await getArrays(store, input.branches)) : prefixes.initial;

    const verdicts: Verdicts['verdicts'][number][] = [];
    for (const rollout of rollouts) {
      verdicts.push(judge(rollout, prefixes, tokenizer));
      if (verdicts.length % 32 === 0) {
        beat({ doing: 'verify', done: verdicts.length, total: rollouts.length });
        await breathe();
      }
    }
    const document: Verdicts = { verdicts };
    return {
      verdicts: await putJson(store, 'verdicts', document),
      count: verdicts.length,
      correct: verdicts.filter(({ reward }) => reward === 1).length,
    };
  }),
);
