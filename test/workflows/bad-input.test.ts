/** What cannot work is refused before any work, with every reason at once; what breaks on the way leaves the policy whole. */
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NonFiniteUpdate } from '../../contracts/errors/engine-errors.js';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import { writeCheckpoint } from '../support/checkpoint.js';
import { NullLearner } from '../../tools/bench/null-engine.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { Temporal, withFolder } from '../support/temporal.js';
import type { Services } from '../../services/services.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

let runs = 0;

/** The failure that ends the run. */
async function failureOf(services: Services, form: unknown): Promise<ApplicationFailure> {
  return temporal.withWorkers(services, async (taskQueue) => {
    const workflowId = `refused-${runs++}`;
    const run = temporal.environment.client.workflow.execute('training', { workflowId, taskQueue, args: [form] });
    const error: unknown = await run.catch((reason: unknown) => reason);
    if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause;
    throw error;
  });
}

it('lists problems of configuration, model, tokenizer and task in one failure', async () => {
  await withFolder(async (folder) => {
    const model = await writeCheckpoint(join(folder, 'model'));
    await truncate(join(model, 'model.safetensors'), 5_000);
    await writeFile(join(model, 'tokenizer.json'), '{');
    const form = {
      model,
      iteration: 3,
      sampling: { temperature: -1, maxResponseTokens: 100_000 },
      task: { name: 'straight-line', options: { lines: [9, 4], hops: 2 } },
      verifier: { name: 'maths' },
    };
    const failure = await failureOf(await nullServices(folder), form);
    expect(failure).toMatchObject({ type: 'InvalidConfig', nonRetryable: true });
    for (const path of ['iteration', 'sampling.temperature', 'model', 'task.options.hops', 'verifier.name']) {
      expect(failure.message).toContain(`  ${path}: `);
    }
    expect(failure.message).toContain('model.safetensors');
    expect(failure.message).toContain('tokenizer.json');
  });
});

it.each([
  ['an architecture we do not know', { architectures: ['MixtralForCausalLM'], model_type: 'mixtral' }, 'model'],
  ['too few positions', { max_position_embeddings: 64 }, 'sampling.maxResponseTokens'],
])('refuses %s', async (_, change, path) => {
  await withFolder(async (folder) => {
    const model = await writeCheckpoint(join(folder, 'model'));
    const file = join(model, 'config.json');
    await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), ...change }));
    const sampling = { maxResponseTokens: 128 };
    const failure = await failureOf(await nullServices(folder), { model, sampling });
    expect(failure.type).toBe('InvalidConfig');
    expect(failure.message).toContain(`  ${path}: `);
  });
});

it('refuses a model that is not there, an empty problem set, prompts that never fit, sets that do not exist', async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, 'empty.jsonl'), '\n');
    const options = { training: join(folder, 'empty.jsonl'), evaluation: { held: join(folder, 'empty.jsonl') } };
    const services = await nullServices(folder);
    const missing = await failureOf(services, { model: join(folder, 'nowhere'), task: { name: 'files', options } });
    expect(missing.message).toContain('nowhere/config.json');
    expect(missing.message).toContain('holds no problems');

    const { model } = await smallForm({});
    const long = await failureOf(services, {
      model,
      sampling: { maxPromptTokens: 3 },
      evaluation: { sets: ['short', 'hardest'] },
    });
    expect(long.message).toContain('sampling.maxPromptTokens: every prompt');
    expect(long.message).toContain('evaluation.sets[1]: the task has no held-out set "hardest"');
  });
});

it('passes over prompts that are too long, and counts them', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    const form = await smallForm({
      iterations: 1,
      sampling: { problemsPerIteration: 6, responsesPerProblem: 4, maxPromptTokens: 40 },
    });
    await temporal.withWorkers(services, async (taskQueue) => {
      const { workflow } = temporal.environment.client;
      await workflow.execute('training', { workflowId: 'skips', taskQueue, args: [form] });
    });
    const metrics = JSON.parse(await readFile(join(folder, 'runs', 'skips', 'metrics.jsonl'), 'utf8')) as {
      skippedPrompts: number;
      problems: number;
    };
    expect(metrics.problems).toBe(6);
    expect(metrics.skippedPrompts).toBeGreaterThan(0);
  });
});

it('stops at a loss that is not finite, names the batch and keeps the policy', async () => {
  class Exploding extends NullLearner {
    override update(): Promise<never> {
      return Promise.reject(new NonFiniteUpdate(NaN, Infinity));
    }
  }
  await withFolder(async (folder) => {
    const services = await nullServices(folder, () => new Exploding());
    const failure = await failureOf(services, await smallForm({}));
    expect(failure).toMatchObject({ type: 'NonFiniteUpdate', nonRetryable: true });
    const [{ rows, policy }] = failure.details as [{ rows: ArtifactRef; policy: ArtifactRef }];
    expect(failure.message).toContain(rows.sha256);
    expect(await services.store.has(rows)).toBe(true);
    expect(await services.store.has(policy)).toBe(true);
  });
});
