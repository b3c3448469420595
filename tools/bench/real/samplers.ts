/** Who samples from a pretrained model: our engine, llama.cpp, transformers, vLLM; each in a process of its own. */
import { openInferenceEngine } from '../../../policy/processes/open.js';
import { generate, requireTokens } from '../decode.js';
import { llamaFolder } from '../llama-environment.js';
import { secondsOf } from '../in-turn.js';
import { THREADS } from '../machine.js';
import { Peer } from '../peer.js';
import { vllmPython } from '../vllm-environment.js';
import type { GgufType, MeasuredModel } from './model.js';

export interface Work {
  readonly prompts: readonly number[][];
  /** Rollouts of each prompt. */
  readonly siblings: number;
  /** Tokens of each rollout: nobody stops before. */
  readonly newTokens: number;
  readonly round: number;
}

export interface Sampler {
  readonly pid: number;
  /** Makes room for so many rollouts of at most so many tokens, prompts included. */
  prepare(rollouts: number, length: number): Promise<void>;
  /** Seconds. @throws RangeError when not every token was sampled */
  sample(work: Work): Promise<number>;
  close(): Promise<void>;
}

/** What is asked of vLLM at once, at the most. */
export interface Limits {
  readonly rollouts: number;
  readonly length: number;
}

export async function ours(model: MeasuredModel): Promise<Sampler> {
  const engine = openInferenceEngine({ threads: THREADS });
  await engine.load(model.policy);
  const { pid } = engine;
  if (pid === undefined) throw new Error('the engine has no process');
  return {
    pid,
    prepare: () => Promise.resolve(),
    sample: ({ prompts, round, ...work }) => secondsOf(() => generate(engine, model, prompts, work, round)),
    close: () => engine.close(),
  };
}

export async function llama({ gguf }: MeasuredModel, type: GgufType): Promise<Sampler> {
  const peer = Peer.run(process.execPath, 'llama/llama.mjs', [await llamaFolder()]);
  await peer.ask({ operation: 'load', path: gguf[type], threads: THREADS });
  return asSampler(peer, {
    prepare: async (rollouts, length) => {
      await peer.ask({ operation: 'open', rollouts, length, threads: THREADS });
    },
  });
}

export async function transformers({ directory }: MeasuredModel): Promise<Sampler> {
  const peer = await Peer.start('decode.py');
  const name = 'model';
  await peer.ask({ operation: 'load', name, directory, attention: 'sdpa', threads: THREADS });
  return asSampler(peer, { arguments: { name, cache: null } });
}

/** Rejects with `VllmNotInstalled`. */
export async function vllm({ directory }: MeasuredModel, limits: Limits): Promise<Sampler> {
  const peer = Peer.run(await vllmPython(), 'sample_vllm.py');
  await peer.ask({ operation: 'load', directory, threads: THREADS, ...limits });
  return asSampler(peer, {});
}

interface Differences {
  readonly prepare?: Sampler['prepare'];
  readonly arguments?: object;
}

function asSampler(peer: Peer, { prepare = () => Promise.resolve(), arguments: more }: Differences): Sampler {
  return {
    pid: peer.pid,
    prepare,
    async sample({ round, ...work }) {
      const request = { operation: 'generate', ...work, seed: round, ...more };
      const { seconds, tokens } = await peer.ask<{ seconds: number; tokens: number }>(request);
      requireTokens(tokens, work.prompts.length * work.siblings * work.newTokens);
      return seconds;
    },
    close: () => peer.close(),
  };
}
