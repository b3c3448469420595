#!/usr/bin/env node
/** `npm run pretrain`: makes the shipped base model anew. Same seed, same bits. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import type { PretrainingSettings } from '../../tasks/pretraining.js';
import { DEFAULT_PRETRAINING } from '../../tasks/pretraining.js';
import { evaluateModel } from './evaluate-model.js';
import { modelCard } from './model-card.js';
import { lossCurve, showProgress } from './progress.js';
import { pretrain } from './pretrain.js';
import { writeModelCard } from './model-folder.js';

/** dist/cli/ lies two folders below the project's root. */
const model = resolve(fileURLToPath(import.meta.url), '../../../../models/straight-line');

interface Options {
  readonly output: string;
  readonly architecture: string;
  readonly seed: number;
  readonly scale: number;
}

async function main({ output, architecture, seed, scale }: Options): Promise<void> {
  const settings = scaled({ ...DEFAULT_PRETRAINING, seed }, scale);
  const progress = showProgress(settings);
  const trained = await pretrain(settings, architecture, output, progress);
  console.log(lossCurve(trained.losses));
  const results = await evaluateModel(output);
  const card = modelCard(settings, trained, results);
  await writeModelCard(output, card);
  console.log(card);
  console.log(`written to ${output}`);
}

function scaled(settings: PretrainingSettings, scale: number): PretrainingSettings {
  const stages = settings.stages.map((stage) => ({ ...stage, steps: Math.max(1, Math.round(stage.steps * scale)) }));
  return { ...settings, stages, warmUpSteps: Math.round(settings.warmUpSteps * scale) };
}

function numberWithin(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`must be a number from ${least} to ${most}`);
  };
}

await new Command('pretrain')
  .description('Train the base model of the straight-line task from random weights on error-prone demonstrations.')
  .option('--output <dir>', 'where the model goes, in Hugging Face layout', model)
  .option('--architecture <dir>', 'where config.json and the tokenizer come from', model)
  .option('--seed <n>', 'of weights, demonstrators and data', numberWithin(0, 2 ** 32 - 1), DEFAULT_PRETRAINING.seed)
  .option('--scale <x>', 'share of the steps, for trials', numberWithin(1e-4, 100), 1)
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
