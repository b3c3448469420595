import type { VerifierActivities } from '../contracts/activities.js';
import { beat, breathe } from './beat.js';
import { durable, timed } from './durable.js';
import { Judge, verifierOf } from './judge.js';
import type { Verdicts } from './formats/documents.js';
import { decodeRollouts } from './formats/rollouts.js';
import { getArrays, putJson, readManifest } from './io.js';
import { tokenizerOf } from './policies.js';
import { readPrefixes } from './prefixes.js';

type Verify = VerifierActivities['verify'];

/** Judged at the same time: enough for the processes of a verifier, and soon over when the activity is cancelled. */
const TOGETHER = 64;

/** Verdicts on whole paths: the kept part of the initial response and the new tokens. */
export const verify = durable<Parameters<Verify>[0], Awaited<ReturnType<Verify>>>('verify', (services, input) =>
  timed(async () => {
    const { store } = services;
    const manifest = await readManifest(store, input.manifest);
    const tokenizer = await tokenizerOf(store, manifest.policy);
    const prefixes = await readPrefixes(store, input);
    const rollouts = input.branches ? decodeRollouts(await getArrays(store, input.branches)) : prefixes.initial;

    const judge = new Judge(await verifierOf(manifest, services), prefixes, tokenizer);
    const verdicts: Verdicts['verdicts'][number][] = [];
    let done = 0;
    for (let start = 0; start < rollouts.length; start += TOGETHER) {
      const judged = rollouts.slice(start, start + TOGETHER).map(async (rollout) => {
        const verdict = await judge.verdict(rollout);
        beat({ doing: 'verify', done: ++done, total: rollouts.length });
        return verdict;
      });
      verdicts.push(...(await Promise.all(judged)));
      await breathe();
    }
    const document: Verdicts = { verdicts };
    return {
      verdicts: await putJson(store, 'verdicts', document),
      count: verdicts.length,
      correct: verdicts.filter(({ reward }) => reward === 1).length,
    };
  }),
);
