/**
 * The paper's run in small: a random model of the real architecture with a byte-level BPE tokenizer trained on the problems, the
 * authors' training set, the verifier, their benchmarks; through Temporal, audited, exported, and opened by transformers. The
 * engines run in their processes (compiled: dist/).
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportPolicy } from '../../services/export-policy.js';
import type { ProblemBatch } from '../../contracts/artifacts/documents.js';
import { decodeRollouts } from '../../store/formats/rollouts.js';
import { getArrays } from '../../store/formats/io.js';
import { engineServices, openServices } from '../../services/open-services.js';
import { auditRun } from '../../runs/audit/audit-run.js';
import { readRunFiles } from '../../runs/run-files.js';
import type { RunForm } from '../../contracts/config/form.js';
import { resolveConfig } from '../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';
import type { Message } from '../../contracts/artifacts/prompt.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { inspectCheckpoint } from '../../policy/model/checkpoint/inspect.js';
import { getJson } from '../../store/json.js';
import { readProblems } from '../../tasks/problem-files.js';
import { BENCHMARKS, SHARED_DATA, sharedFile, TRAINING_SET, WHERE_DATA_IS } from '../support/shared-data.js';
import { writeTalkingModel } from '../support/talking-model.js';
import { Temporal, withFolder } from '../support/temporal.js';

const PYTHON = fileURLToPath(new URL('../../tools/bench/peers/.venv/bin/python', import.meta.url));
const TOLERANCE = 2e-4;
const MERGES = 800;

const FORM: RunForm = {
  algorithm: 'attnrl',
  iterations: 3,
  task: {
    name: 'files',
    options: {
      training: sharedFile(TRAINING_SET),
      evaluation: Object.fromEntries(Object.entries(BENCHMARKS).map(([set, file]) => [set, sharedFile(file)])),
    },
  },
  sampling: { problemsPerIteration: 4, responsesPerProblem: 4, maxPromptTokens: 128, maxResponseTokens: 256 },
  branching: { minTokenDistance: 4 },
  update: { miniBatchPaths: 16, learningRate: 1e-4 },
  evaluation: { every: 2, problemsPerSet: 1, samplesPerProblem: 2, maxPromptTokens: 512, maxResponseTokens: 256 },
  engine: { slots: 64 },
};

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

async function problemTexts(count: number): Promise<string[]> {
  const source = await readProblems(sharedFile(TRAINING_SET));
  return Array.from({ length: count }, (_, i) => (source.problem(i).prompt as readonly Message[])[0].content);
}

/** What transformers says, where the environment of the benchmarks is there. */
function transformers(request: object): Promise<{ logProbs: number[][]; prompts: number[][] }> {
  const script = fileURLToPath(new URL('../support/exported_checkpoint.py', import.meta.url));
  return new Promise((resolve, reject) => {
    const child = execFile(PYTHON, [script], { maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      if (error) reject(new Error(stderr, { cause: error }));
      else resolve(JSON.parse(stdout) as { logProbs: number[][]; prompts: number[][] });
    });
    child.stdin?.end(JSON.stringify(request));
  });
}

describe.skipIf(!SHARED_DATA)(`three iterations on the authors' problems (${WHERE_DATA_IS})`, () => {
  it('are trained, evaluated on the six benchmarks, audited, exported, and the same to transformers', async (context) => {
    await withFolder(async (folder) => {
      const texts = await problemTexts(1000);
      const model = await writeTalkingModel(join(folder, 'model'), texts, MERGES);
      const services = await openServices(folder);
      const again = engineServices();
      try {
        const { result, files } = await temporal.withWorkers(services, async (taskQueue) => {
          const { client } = temporal.environment;
          const workflowId = 'real-problems';
          const result = await client.workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
            workflowId,
            taskQueue,
            args: [{ ...FORM, model }],
          });
          const files = await readRunFiles(dirname(result.runFolder), workflowId);
          const report = await auditRun(services.store, files, {
            client,
            replay: { iterations: [1], services: again },
          });
          expect(report.findings).toEqual([]);
          expect(report.notes).toEqual([]);
          return { result, files };
        });

        expect(files.ledger[0].metrics.problems).toBe(4);
        expect(files.ledger.some(({ metrics }) => metrics.update !== null)).toBe(true);
        expect(files.ledger.some(({ metrics }) => metrics.skippedPrompts > 0)).toBe(true);
        for (const { metrics } of files.ledger) expect(metrics.meanFci).toBeGreaterThan(0);
        expect(result.evaluationSets).toEqual(Object.keys(BENCHMARKS));
        expect(result.before.accuracies).toHaveLength(6);

        const exported = join(folder, 'exported');
        await exportPolicy(services.store, result.policy, exported);
        const { config, configJson, weights } = await inspectCheckpoint(exported);
        expect(config.layers).toBe(4);

        const { initial } = files.ledger[2];
        const { problems } = await getJson<ProblemBatch>(services.store, initial.problems);
        const rollouts = decodeRollouts(await getArrays(services.store, initial.responses));
        const rows = rollouts.slice(0, 24).map(({ problem, tokens }) => {
          const { prompt } = problems[problem];
          return { tokens: [...prompt, ...tokens], promptLength: prompt.length };
        });
        const engine = await again.engine(resolveConfig({}, SHIPPED_FACTS).engine);
        await engine.load({ id: 'exported', config: configJson, weights });
        const ours = await engine.score(
          'exported',
          rows.map(({ tokens, promptLength }) => ({ tokens: Int32Array.from(tokens), promptLength, temperature: 1 })),
        );
        if (!existsSync(PYTHON)) {
          await context.annotate(
            'transformers was not asked: `npm run bench` makes its environment, tools/bench/peers/.venv',
          );
          return;
        }
        const source = await readProblems(sharedFile(TRAINING_SET));
        const chats = problems.slice(0, 8).map(({ index }) => source.problem(index).prompt);
        const theirs = await transformers({ directory: exported, rows, chats });
        expect(theirs.prompts).toEqual(problems.slice(0, 8).map(({ prompt }) => prompt));
        ours.forEach(({ logProbs }, i) => {
          expect(logProbs).toBeAllclose(theirs.logProbs[i], { rtol: 0, atol: TOLERANCE });
        });
        expect(await readFile(join(exported, 'tokenizer_config.json'), 'utf8')).toContain('chat_template');
      } finally {
        await Promise.all([services.close(), again.close()]);
      }
    });
  }, 600_000);
});
