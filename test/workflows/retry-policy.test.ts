/** Each error that an activity throws reaches the workflow under its name, and is retried as its class says. */
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  EngineCrashed,
  EngineOutOfMemory,
  GenerationInterrupted,
  NonFiniteUpdate,
  PolicyNotLoaded,
} from '../../contracts/errors/engine-errors.js';
import { type RetryPolicy, retryPolicyOf } from '../../contracts/errors/retry-policy.js';
import { InvalidConfig, ResultTooLarge } from '../../contracts/errors/run-errors.js';
import { InvalidChatTemplate, NoChatTemplate } from '../../policy/model/chat-template.js';
import { InvalidCheckpoint } from '../../policy/model/checkpoint/invalid-checkpoint.js';
import { TokenizerMismatch } from '../../policy/model/tokenizer.js';
import { ProviderUnavailable } from '../../policy/onnx/provider-unavailable.js';
import { reviveError } from '../../policy/processes/revive-error.js';
import { toSent } from '../../policy/processes/sent-error.js';
import { TensorFlowMissing } from '../../policy/tfjs/tensorflow-missing.js';
import {
  ArtifactDamaged,
  ArtifactMissing,
  StoreFull,
  StoreUnreachable,
  StoreUnwritable,
} from '../../store/artifact-store.js';
import { CheckpointDamaged } from '../../store/safetensors/header.js';
import { EmptyProblemSet, InvalidProblemSet } from '../../tasks/problem-files.js';
import { ProblemSetChanged, TaskUnreadable } from '../../tasks/task.js';
import { VerifierDoesNotStart } from '../../tasks/verifier-pool.js';
import { NullLearner } from '../../tools/bench/null-engine.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { Temporal, withFolder } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

const problems = [{ path: 'model', problem: 'is wrong' }];
const cause = Object.assign(new Error('no'), { code: 'EIO' });
const ERRORS: Readonly<Record<RetryPolicy, readonly Error[]>> = {
  never: [
    new ArtifactDamaged('a file', 'cut'),
    new ArtifactMissing({ kind: 'rows', sha256: '0'.repeat(64), bytes: 1 }, 'here'),
    new CheckpointDamaged('a file', ['cut']),
    new InvalidChatTemplate('a model', 'is wrong'),
    new InvalidCheckpoint('a model', problems),
    new InvalidConfig(problems),
    new NoChatTemplate('a model'),
    new NonFiniteUpdate(NaN, Infinity),
    new ProblemSetChanged('it has another size'),
    new RangeError('a mistake'),
    new ReferenceError('a mistake'),
    new ResultTooLarge('update', 2, 1),
    new SyntaxError('a mistake'),
    new TokenizerMismatch('a model', ['is wrong']),
    new TypeError('a mistake'),
  ],
  outage: [
    new StoreFull('store', { cause }),
    new StoreUnreachable('store', { cause }),
    new StoreUnwritable('store', { cause }),
  ],
  transient: [
    new EmptyProblemSet('a folder'),
    new EngineCrashed({ how: 'SIGKILL' }),
    new EngineOutOfMemory('1 GiB'),
    new Error('anything'),
    new GenerationInterrupted([]),
    new InvalidProblemSet('a file', ['a line']),
    new PolicyNotLoaded('p'),
    new ProviderUnavailable('cuda', 'no driver'),
    new TaskUnreadable(problems),
    new TensorFlowMissing(),
    new VerifierDoesNotStart('a module', 'it is missing'),
  ],
};
const all = Object.entries(ERRORS).flatMap(([policy, errors]) => errors.map((error) => ({ policy, error })));

it.each(Object.entries(ERRORS))('is retried: %s', async (policy, errors) => {
  let next: Error | undefined;
  class FailingOnce extends NullLearner {
    override update(...step: Parameters<NullLearner['update']>): ReturnType<NullLearner['update']> {
      const error = next;
      next = undefined;
      return error ? Promise.reject(error) : super.update(...step);
    }
  }
  await withFolder(async (folder) => {
    const services = await nullServices(folder, () => new FailingOnce());
    await temporal.withWorkers(services, async (taskQueue) => {
      for (const [seed, error] of errors.entries()) {
        next = error;
        const form = await smallForm({ iterations: 1, seed });
        const failure = await failureOf(taskQueue, `${policy}-${seed}`, form);
        expect(next, error.name).toBeUndefined(); // it was thrown
        if (policy === 'never') expect(failure).toMatchObject({ type: error.name, nonRetryable: true });
        else expect(failure, error.name).toBeUndefined();
      }
    });
  });
});

it.each(all)('$error.name keeps its policy on its way from an engine process', ({ policy, error }) => {
  const arrived = reviveError(structuredClone(toSent(error)));
  expect(retryPolicyOf(arrived)).toBe(policy);
  expect(arrived.name).toBe(error.name);
});

/** What ended the run; undefined where it came to its end. */
async function failureOf(taskQueue: string, workflowId: string, form: unknown): Promise<unknown> {
  try {
    await temporal.environment.client.workflow.execute('training', { workflowId, taskQueue, args: [form] });
    return undefined;
  } catch (error) {
    if (error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure) return error.cause;
    throw error;
  }
}
