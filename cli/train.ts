import { Command } from 'commander';
import type { RunForm } from '../contracts/config/form.js';
import type { RunResult } from '../contracts/protocol/run.js';
import { chooseRun } from './choose-run.js';
import { readForm } from './config-file.js';
import { liveDisplay } from './display/live-display.js';
import { jsonDisplay, plainDisplay } from './display/plain-display.js';
import { accuracyTable } from './display/result-table.js';
import { Interrupted } from './errors.js';
import type { Display } from './events.js';
import { resultOf } from './run-result.js';
import { keepServer, openSession, runUrl, type Session } from './session.js';
import { watchRun } from './watch-run.js';
import { wholeNumber } from './whole-number.js';
import { startWorker, type WorkerProcess } from './worker-process.js';

interface TrainOptions {
  readonly config?: string;
  readonly iterations?: number;
  readonly seed?: number;
  readonly resume?: boolean;
  readonly new?: boolean;
  readonly json?: boolean;
  readonly worker: boolean;
}

export function trainCommand(): Command {
  return new Command('train')
    .description('train a policy; without options: the shipped model on the embedded task')
    .option('-c, --config <file>', 'configuration, a JSON object (see configs/); every field has a default')
    .option('-n, --iterations <number>', 'iterations, instead of what the configuration says', wholeNumber)
    .option('-s, --seed <number>', 'seed, instead of what the configuration says', wholeNumber)
    .option('--resume', 'go on with the newest unfinished run')
    .option('--new', 'cancel the newest unfinished run, if there is one, and start another')
    .option('--no-worker', 'start no worker: others serve the queues')
    .option('--json', 'one JSON object per line instead of the display')
    .addHelpText(
      'after',
      '\nCtrl-C leaves the run on the server. The next `train` asks whether to go on with it; where nobody can be asked, it\n' +
        'goes on by itself, unless settings are given: then --resume or --new must say what is meant. Other unfinished runs of\n' +
        'the same queues (`attnrl status`) stay as they are.\n',
    )
    .action(train);
}

async function train(options: TrainOptions): Promise<void> {
  const { config, iterations, seed } = options;
  const form = await readForm(config, {
    ...(iterations === undefined ? {} : { iterations }),
    ...(seed === undefined ? {} : { seed }),
  });
  const display = displayFor(options);
  const session = await openSession();
  try {
    const workflowId = await chooseRun(session, {
      resume: options.resume ?? false,
      fresh: options.new ?? false,
      settings: Object.keys(form).length > 0,
      interactive: process.stdin.isTTY && process.stdout.isTTY && !options.json,
    });
    display.show({ event: 'note', text: `Temporal server ${session.server.address}` });
    const worker = options.worker ? await startWorker(session) : undefined;
    try {
      const run = await startRun(session, form, workflowId, display);
      const result = await follow(session, worker, display, run);
      display.show({ event: 'result', ...result });
      display.close();
      if (!options.json) conclude(result, runUrl(session, run));
    } catch (error) {
      display.close();
      if (error instanceof Interrupted && worker) {
        console.error(
          'the worker saves what it has and hands it back, within 10 seconds; Ctrl-C again leaves it to that',
        );
      }
      throw error;
    } finally {
      display.close();
      await worker?.stop();
    }
  } finally {
    await session.close();
  }
}

function displayFor({ json }: TrainOptions): Display {
  const write = (line: string): void => console.log(line);
  if (json) return jsonDisplay(write);
  return process.stdout.isTTY ? liveDisplay(process.stdout) : plainDisplay(write);
}

async function startRun(
  session: Session,
  form: RunForm,
  resumed: string | undefined,
  display: Display,
): Promise<string> {
  const run = resumed ?? `${form.algorithm ?? 'attnrl'}-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}`;
  if (resumed === undefined) {
    await session.client.workflow.start('training', {
      workflowId: run,
      taskQueue: session.controlQueue,
      args: [form],
      staticSummary: `${form.algorithm ?? 'attnrl'} · ${form.model ?? 'models/straight-line'}`,
    });
  }
  display.show({ event: 'run', run, url: runUrl(session, run), resumed: resumed !== undefined });
  return run;
}

/** Shows the run until it ends, the worker dies, or Ctrl-C. */
async function follow(
  session: Session,
  worker: WorkerProcess | undefined,
  display: Display,
  run: string,
): Promise<RunResult> {
  const handle = session.client.workflow.getHandle<() => Promise<RunResult>>(run);
  const watching = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    process.once('SIGINT', () =>
      reject(new Interrupted(`run ${run} stays on the server; \`npm start\` goes on with it`)),
    );
  });
  const watch = watchRun(session, handle, (event) => display.show(event), watching.signal);
  const keeping = keepServer(session, watching.signal, () =>
    display.show({ event: 'note', text: 'the Temporal server had died; it was started again, and the run goes on' }),
  );
  const unkept = keeping.then(() => new Promise<never>(() => undefined));
  const died = worker?.ended.then(() => new Promise<never>(() => undefined));
  try {
    return await Promise.race([
      resultOf(handle),
      watch.then(() => resultOf(handle)),
      interrupted,
      unkept,
      ...(died ? [died] : []),
    ]);
  } finally {
    watching.abort();
    await Promise.all([watch, keeping.catch(() => undefined)]); // its failure has been raced
  }
}

function conclude({ evaluationSets, before, after, modelFolder, runFolder }: RunResult, url: string | undefined): void {
  console.log(accuracyTable(evaluationSets, before, after));
  console.log(`trained model  ${modelFolder}`);
  console.log(`records        ${runFolder}`);
  if (url !== undefined) console.log(`Temporal UI    ${url}`);
}
