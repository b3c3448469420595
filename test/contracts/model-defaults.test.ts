import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunForm } from '../../contracts/config/form.js';
import { checkForm, configHash, readForm, resolveConfig, settleForm } from '../../contracts/config/resolve.js';
import { type RunConfig } from '../../contracts/config/run-config.js';
import { InvalidConfig } from '../../contracts/errors/run-errors.js';
import { SHIPPED_FACTS, type ModelFacts } from '../../contracts/config/model-defaults.js';

const QWEN2: Omit<ModelFacts, 'parameters' | 'layers' | 'thinks'> = {
  kvHeads: 2,
  headSize: 64,
  maxPositions: 32_768,
  chats: true,
};
const SMOLLM2: ModelFacts = {
  ...QWEN2,
  parameters: 134_515_008,
  layers: 30,
  kvHeads: 3,
  maxPositions: 8192,
  thinks: false,
};
const QWEN_HALF: ModelFacts = { ...QWEN2, parameters: 494_032_768, layers: 24, thinks: false };
const QWEN_ONE_AND_A_HALF: ModelFacts = {
  ...QWEN2,
  parameters: 1_543_714_304,
  layers: 28,
  headSize: 128,
  thinks: false,
};
const DEEPSEEK: ModelFacts = {
  ...QWEN_ONE_AND_A_HALF,
  parameters: 1_777_088_000,
  maxPositions: 131_072,
  thinks: true,
};

const FILES: RunForm = {
  task: { name: 'files', options: { training: 'train.jsonl', evaluation: { held: 'held.jsonl' } } },
};

/** What the model decides of a form of which it decides everything. */
function decided({ sampling, branching, adaptiveSampling, update, evaluation, engine }: RunConfig): object {
  return {
    problems: sampling.problemsPerIteration,
    most: adaptiveSampling.maxProblemsPerIteration,
    lengths: [sampling.maxPromptTokens, sampling.maxResponseTokens],
    evaluated: [evaluation.maxPromptTokens, evaluation.maxResponseTokens],
    distance: branching.minTokenDistance,
    rate: update.learningRate,
    miniBatch: update.miniBatchPaths,
    budget: update.tokenBudget,
    slots: engine.slots,
  };
}

describe('defaults by the model', () => {
  it('those of the shipped model are what they have always been', () => {
    const hash = configHash(resolveConfig({}, SHIPPED_FACTS));
    expect(hash).toBe('1a2f67d1ec95bf561251b7f7360c927abbc19669dc5b480690b9e50e4491785e');
  });

  it.each<[string, ModelFacts, RunForm, object]>([
    [
      'SmolLM2-135M on a CPU',
      SMOLLM2,
      FILES,
      {
        problems: 16,
        most: 64,
        lengths: [512, 512],
        evaluated: [512, 512],
        distance: 32,
        rate: 3.9e-6,
        miniBatch: 48,
        budget: 8192,
        slots: 40,
      },
    ],
    [
      'Qwen2.5-0.5B on a CPU',
      QWEN_HALF,
      FILES,
      {
        problems: 8,
        most: 32,
        lengths: [512, 512],
        evaluated: [512, 512],
        distance: 32,
        rate: 2e-6,
        miniBatch: 24,
        budget: 8192,
        slots: 80,
      },
    ],
    [
      'Qwen2.5-1.5B on a CPU',
      QWEN_ONE_AND_A_HALF,
      FILES,
      {
        problems: 8,
        most: 32,
        lengths: [512, 512],
        evaluated: [512, 512],
        distance: 32,
        rate: 1.1e-6,
        miniBatch: 24,
        budget: 8192,
        slots: 32,
      },
    ],
    [
      'DeepSeek-R1-Distill-Qwen-1.5B on a CPU',
      DEEPSEEK,
      FILES,
      {
        problems: 8,
        most: 32,
        lengths: [512, 1024],
        evaluated: [512, 1024],
        distance: 64,
        rate: 1e-6,
        miniBatch: 24,
        budget: 8192,
        slots: 24,
      },
    ],
    [
      'DeepSeek-R1-Distill-Qwen-1.5B with CUDA',
      DEEPSEEK,
      { ...FILES, engine: { provider: 'cuda' } },
      {
        problems: 64,
        most: 256,
        lengths: [1024, 8192],
        evaluated: [1024, 8192],
        distance: 512,
        rate: 1e-6,
        miniBatch: 192,
        budget: 36_864,
        slots: 32,
      },
    ],
  ])('%s', (_, model, form, expected) => {
    expect(decided(resolveConfig(form, model))).toEqual(expected);
  });

  it("on a graphics processor, the paper's model has the paper's values", () => {
    const form = JSON.parse(
      readFileSync(new URL('../../configs/attnrl-1.5b.json', import.meta.url), 'utf8'),
    ) as RunForm;
    const paper = resolveConfig(form, DEEPSEEK);
    const { sampling, branching, update } = resolveConfig({ ...FILES, engine: { provider: 'cuda' } }, DEEPSEEK);
    expect(sampling).toEqual(paper.sampling);
    expect(branching).toEqual(paper.branching);
    expect(update).toEqual(paper.update);
  });

  it('follow from what is written', () => {
    const form: RunForm = {
      ...FILES,
      algorithm: 'grpo',
      sampling: { problemsPerIteration: 32, responsesPerProblem: 10, maxResponseTokens: 4000 },
    };
    expect(resolveConfig(form, SMOLLM2)).toMatchObject({
      adaptiveSampling: { maxProblemsPerIteration: 128 },
      branching: { minTokenDistance: 250 },
      update: { miniBatchPaths: 32, tokenBudget: 4 * 4512 },
      evaluation: { maxPromptTokens: 512, maxResponseTokens: 4000 },
    });
  });

  it('an evaluation by itself is as long as the paper evaluates, for a model that thinks', () => {
    const alone: RunForm = { task: { name: 'files', options: { evaluation: { held: 'held.jsonl' } } } };
    const limits = (model: ModelFacts, form = alone): number[] => {
      const { maxPromptTokens, maxResponseTokens } = resolveConfig(form, model).evaluation;
      return [maxPromptTokens, maxResponseTokens];
    };
    expect(limits(DEEPSEEK)).toEqual([2048, 32_768]);
    expect(limits(QWEN_HALF)).toEqual([2048, 2048]);
    expect(limits({ ...DEEPSEEK, maxPositions: 8192 })).toEqual([2048, 6144]);
    expect(limits({ ...DEEPSEEK, maxPositions: 4096 })).toEqual([1365, 2731]);
  });

  it('a text is said in a chat where the model has a template, nothing else is written, and no run is gone on with', () => {
    const chat = (form: RunForm, model: ModelFacts): unknown => resolveConfig(form, model).task.options['chat'];
    const options = { training: 'train.jsonl', evaluation: { held: 'held.jsonl' } };
    const record = { sha256: 'a'.repeat(64), bytes: 1, kind: 'iteration-record' as const };
    expect(chat(FILES, SMOLLM2)).toBe(true);
    expect(chat(FILES, { ...SMOLLM2, chats: false })).toBeUndefined();
    expect(chat({ task: { name: 'files', options: { ...options, chat: false } } }, SMOLLM2)).toBe(false);
    expect(chat({ ...FILES, from: { record } }, SMOLLM2)).toBeUndefined();
    expect(chat({}, SMOLLM2)).toBeUndefined();
  });

  it('are told with their reasons, what is written is not', () => {
    const { chosen } = settleForm(readForm({ ...FILES, update: { learningRate: 1e-5 } }), SMOLLM2);
    const paths = chosen.map(({ path }) => path);
    expect(paths).toContain('sampling.problemsPerIteration');
    expect(paths).toContain('task.options.chat');
    expect(paths).not.toContain('update.learningRate');
    expect(chosen.filter(({ why }) => why === '')).toEqual([]);
  });
});

const facts = fc.record<ModelFacts>({
  parameters: fc.integer({ min: 1000, max: 1e11 }),
  layers: fc.integer({ min: 1, max: 120 }),
  kvHeads: fc.integer({ min: 1, max: 64 }),
  headSize: fc.constantFrom(32, 64, 128, 256),
  maxPositions: fc.integer({ min: 64, max: 2 ** 20 }),
  thinks: fc.boolean(),
  chats: fc.boolean(),
});

const forms = fc.record<RunForm>(
  {
    algorithm: fc.constantFrom('attnrl', 'treerl', 'grpo'),
    task: fc.constantFrom(undefined, FILES.task),
    engine: fc.record({ provider: fc.constantFrom('cpu' as const, 'cuda' as const) }),
  },
  { requiredKeys: [] },
);

describe('for every model', () => {
  it('the defaults fit one another and its positions', () => {
    fc.assert(
      fc.property(facts, forms, (model, form) => {
        const { sampling, evaluation, update } = resolveConfig(form, model);
        for (const { maxPromptTokens, maxResponseTokens } of [sampling, evaluation])
          expect(maxPromptTokens + maxResponseTokens).toBeLessThanOrEqual(model.maxPositions);
        expect(update.tokenBudget).toBeGreaterThanOrEqual(sampling.maxPromptTokens + sampling.maxResponseTokens);
      }),
    );
  });

  it('what is decided stays, whoever decided it, and whatever the model is by then', () => {
    fc.assert(
      fc.property(facts, facts, forms, (model, other, form) => {
        const config = resolveConfig(form, model);
        expect(resolveConfig(config, model)).toEqual(config);
        const from = { record: { sha256: 'a'.repeat(64), bytes: 1, kind: 'iteration-record' } };
        expect(resolveConfig({ ...config, from }, other)).toEqual({ ...config, from });
      }),
    );
  });

  it('a larger one is learnt with no larger steps', () => {
    const rate = (parameters: number): number => resolveConfig({}, { ...SMOLLM2, parameters }).update.learningRate;
    fc.assert(
      fc.property(facts, facts, ({ parameters: a }, { parameters: b }) => {
        expect(rate(Math.max(a, b))).toBeLessThanOrEqual(rate(Math.min(a, b)));
      }),
    );
  });
});

describe('a form without its model', () => {
  const refused = (form: unknown): string[] => {
    try {
      checkForm(form);
    } catch (error) {
      if (error instanceof InvalidConfig) return error.problems.map(({ path }) => path);
      throw error;
    }
    return [];
  };

  it('is judged by what it says, not by what the model has yet to decide', () => {
    expect(refused({ branching: { minTokenDistance: 512 }, update: { tokenBudget: 100 } })).toEqual([]);
    const sampling = { maxPromptTokens: 100, maxResponseTokens: 100 };
    expect(refused({ sampling, branching: { minTokenDistance: 512 }, update: { tokenBudget: 100 } })).toEqual([
      'branching.minTokenDistance',
      'update.tokenBudget',
    ]);
    expect(refused({ seed: -1 })).toEqual(['seed']);
  });
});
