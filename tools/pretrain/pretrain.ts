/** The training loop: curriculum -> learner -> a folder in Hugging Face layout. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openLearner } from '../../policy/processes/open.js';
import { readTokenizer } from '../../policy/model/tokenizer.js';
import type { PretrainingSettings } from '../../tasks/pretraining.js';
import { Curriculum, optimizerSettings, totalSteps } from '../../tasks/pretraining.js';
import { copyArchitecture, writeInitialModel } from './model-folder.js';

/** Tokens of a micro-batch; a mini-batch is one or two. */
const TOKEN_BUDGET = 4096;

export interface Pretrained {
  readonly steps: number;
  /** Prompt and response tokens. */
  readonly tokens: number;
  readonly parameters: number;
  /** Cross-entropy of the response tokens in nats, by step. */
  readonly losses: readonly number[];
}

export interface PretrainingProgress {
  /** @param tokens so far */
  step(step: number, loss: number, tokens: number): void;
  end(): void;
}

/** @param output folder that gets model.safetensors and the files of `architecture` */
export async function pretrain(
  settings: PretrainingSettings,
  architecture: string,
  output: string,
  progress: PretrainingProgress,
): Promise<Pretrained> {
  const curriculum = new Curriculum(settings, await readTokenizer(architecture));
  const steps = totalSteps(settings);
  const scratch = await mkdtemp(path.join(tmpdir(), 'attnrl-pretrain-'));
  const learner = openLearner();
  try {
    const initial = await writeInitialModel(architecture, scratch, settings.seed);
    await learner.load({ policy: initial.policy });
    const losses: number[] = [];
    let tokens = 0;
    let miniBatch = curriculum.miniBatch(0);
    for (let step = 0; step < steps; step++) {
      const update = learner.supervise(miniBatch, optimizerSettings(settings, step), TOKEN_BUDGET);
      tokens += miniBatch.reduce((sum, sequence) => sum + sequence.tokens.length, 0);
      // Made while the learner's process works.
      if (step + 1 < steps) miniBatch = curriculum.miniBatch(step + 1);
      losses.push((await update).loss);
      progress.step(step, losses[step], tokens);
    }
    await copyArchitecture(architecture, output);
    await learner.save(path.join(output, 'model.safetensors'), path.join(scratch, 'optimizer.safetensors'));
    return { steps, tokens, parameters: initial.parameters, losses };
  } finally {
    progress.end();
    await learner.close();
    await rm(scratch, { recursive: true });
  }
}
