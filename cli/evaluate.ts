import { Command } from 'commander';
import { resolve } from 'node:path';
import type { RunForm } from '../contracts/config-form.js';
import type { ModelEvaluation } from '../contracts/run.js';
import { readForm } from './config-file.js';
import { evaluationTable } from './display/result-table.js';
import { openSession } from './session.js';
import { startWorker } from './worker-process.js';

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('accuracy of a model (a Hugging Face directory) on the held-out sets')
    .argument('[model]', 'directory of the checkpoint', 'models/straight-line')
    .option('-c, --config <file>', 'configuration; its task, evaluation and engine count')
    .option('--json', 'the result as one JSON object')
    .action(evaluate);
}

async function evaluate(model: string, { config, json }: { config?: string; json?: boolean }): Promise<void> {
  const form = await readForm(config, { model: resolve(model) });
  const session = await openSession();
  try {
    const worker = await startWorker(session);
    try {
      const workflowId = `evaluate-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}`;
      const { client, controlQueue: taskQueue } = session;
      const evaluation = client.workflow.execute<(form: RunForm) => Promise<ModelEvaluation>>('evaluateModel', {
        workflowId,
        taskQueue,
        args: [form],
      });
      const { evaluationSets, summary } = await Promise.race([evaluation, worker.ended.then(() => evaluation)]);
      const byName = Object.fromEntries(evaluationSets.map((set, i) => [set, summary.accuracies[i]]));
      console.log(
        json
          ? JSON.stringify({ model, mean: summary.mean, accuracy: byName })
          : evaluationTable(evaluationSets, summary),
      );
    } finally {
      await worker.stop();
    }
  } finally {
    await session.close();
  }
}
