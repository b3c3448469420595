import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { Command } from 'commander';
import { canonicalJson } from '../contracts/artifacts/canonical-json.js';
import type { RunForm } from '../contracts/config/form.js';
import { checkForm } from '../contracts/config/resolve.js';
import type { ModelEvaluation } from '../contracts/protocol/run.js';
import { readForm } from './config-file.js';
import { evaluationTable } from './display/result-table.js';
import { Interrupted, UsageError } from './errors.js';
import { openSession, runUrl, type Session } from './session.js';
import { showWork } from './show-work.js';
import { wholeNumber } from './whole-number.js';
import { startWorker } from './worker-process.js';

interface EvaluateOptions {
  readonly config?: string;
  readonly sets?: string;
  readonly k?: number;
  readonly problems?: number;
  readonly temperature?: number;
  readonly maxPrompt?: number;
  readonly maxResponse?: number;
  readonly seed?: number;
  readonly worker: boolean;
  readonly json?: boolean;
}

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('accuracy of a model (a Hugging Face directory) on held-out sets')
    .argument('[model]', 'directory of the checkpoint', 'models/straight-line')
    .option('-c, --config <file>', 'configuration; its task, evaluation and engine count')
    .option('--sets <list>', "names of the task's held-out sets, or files and folders of problems, separated by commas")
    .option('-k, --k <number>', 'samples of each problem, in all sets', wholeNumber)
    .option('--problems <number>', 'only the first problems of each set', wholeNumber)
    .option('--temperature <number>', 'of the samples', Number)
    .option('--max-prompt <tokens>', 'problems with longer prompts are left out and counted', wholeNumber)
    .option('--max-response <tokens>', 'responses are cut there', wholeNumber)
    .option('-s, --seed <number>', 'instead of what the configuration says', wholeNumber)
    .option('--no-worker', 'start no worker: others serve the queues')
    .option('--json', 'the result as one JSON object')
    .addHelpText(
      'after',
      '\nThe same command again goes on with what is unfinished, and finds what is done. With files, all of their problems are\n' +
        "asked, at temperature 0.6, and the limits are by the model where nothing else is said: the paper's, prompts of 2048\n" +
        'tokens and responses of 32768, for one that thinks, prompts and responses of 2048 for another.\n',
    )
    .action(evaluate);
}

/** As the paper evaluates (docs/paper-configuration.md); the limits are decided by the model (contracts/config/model-defaults.ts). */
const PAPER = { problemsPerSet: 100_000, temperature: 0.6 };

async function evaluate(model: string, options: EvaluateOptions): Promise<void> {
  const form = await evaluationForm(model, options);
  const session = await openSession();
  try {
    const worker = options.worker ? await startWorker(session) : undefined;
    try {
      const result = await follow(session, form, worker?.ended, options.json ?? false);
      console.log(options.json ? JSON.stringify(result) : `${result.model}\n${evaluationTable(result)}`);
    } finally {
      await worker?.stop();
    }
  } finally {
    await session.close();
  }
}

/** What the command line says about an evaluation, as a run's form. */
export async function evaluationForm(model: string, options: EvaluateOptions): Promise<RunForm> {
  const { config, k, problems, temperature, maxPrompt, maxResponse, seed } = options;
  const form = await readForm(config, { model: resolve(model), ...(seed === undefined ? {} : { seed }) });
  const chosen = await chosenSets(options.sets?.split(',').map((set) => set.trim()));
  const { samplesBySet, ...evaluation } = form.evaluation ?? {};
  const asked = {
    ...(chosen.task ? PAPER : {}),
    ...evaluation,
    ...(chosen.sets ? { sets: chosen.sets } : {}),
    ...(problems === undefined ? {} : { problemsPerSet: problems }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxPrompt === undefined ? {} : { maxPromptTokens: maxPrompt }),
    ...(maxResponse === undefined ? {} : { maxResponseTokens: maxResponse }),
    ...(k === undefined ? { ...(samplesBySet && !chosen.task ? { samplesBySet } : {}) } : { samplesPerProblem: k }),
  };
  const whole = { ...form, ...(chosen.task ? { task: chosen.task } : {}), evaluation: asked };
  checkForm(whole);
  return whole;
}

/** Names of the task's sets as they are; files make a task of their own, named by the files. */
async function chosenSets(list: readonly string[] | undefined): Promise<Pick<RunForm, 'task'> & { sets?: string[] }> {
  if (!list) return {};
  const files = await Promise.all(list.map(isThere));
  if (!files.some(Boolean)) return { sets: [...list] };
  const missing = list.filter((_, i) => !files[i]);
  if (missing.length > 0) throw new UsageError(`--sets: ${missing.join(', ')} is no file, and others are`);
  const named = list.map((file) => [basename(file, extname(file)), resolve(file)] as const);
  const evaluation = Object.fromEntries(named);
  if (Object.keys(evaluation).length < named.length) throw new UsageError('--sets: two files have the same name');
  return { task: { name: 'files', options: { evaluation } }, sets: Object.keys(evaluation) };
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** The same form is the same workflow: one that was interrupted goes on, one that is done is told again from the store. */
async function follow(
  session: Session,
  form: RunForm,
  workerEnded: Promise<void> | undefined,
  quiet: boolean,
): Promise<ModelEvaluation> {
  const name = createHash('sha256')
    .update(canonicalJson(checkForm(form)))
    .digest('hex')
    .slice(0, 12);
  const workflowId = `evaluate-${basename(form.model ?? '')}-${name}`;
  const handle = await session.client.workflow.start<(form: RunForm) => Promise<ModelEvaluation>>('evaluateModel', {
    workflowId,
    taskQueue: session.controlQueue,
    args: [form],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `evaluation of ${form.model}`,
  });
  const url = runUrl(session, workflowId);
  if (!quiet && url !== undefined) console.error(url);
  const done = new AbortController();
  const shown = quiet ? Promise.resolve() : showWork(handle, process.stderr, done.signal);
  const interrupted = new Promise<never>((_, reject) => {
    process.once('SIGINT', () =>
      reject(new Interrupted(`${workflowId} stays on the server; the same command goes on with it`)),
    );
  });
  try {
    const result = handle.result();
    return await Promise.race([result, interrupted, ...(workerEnded ? [workerEnded.then(() => result)] : [])]);
  } finally {
    done.abort();
    await shown;
  }
}
