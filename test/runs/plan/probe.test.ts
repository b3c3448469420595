import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeRollouts } from '../../../store/formats/rollouts.js';
import { getArrays } from '../../../store/formats/io.js';
import { probeTable } from '../../../cli/display/probe-table.js';
import type { RunForm } from '../../../contracts/config/form.js';
import type { Rollout, RolloutRequest } from '../../../contracts/engine/engine.js';
import type { IterationRecord } from '../../../contracts/artifacts/iteration-record.js';
import { probeRun, suggestSeparator, type Probe } from '../../../runs/plan/probe.js';
import { readTokenizer } from '../../../policy/model/tokenizer.js';
import { getJson } from '../../../store/json.js';
import { NullEngine } from '../../../tools/bench/null-engine.js';
import { nullRun, smallForm } from '../../support/null-run.js';
import { Temporal } from '../../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

class Remembering extends NullEngine {
  readonly requests: RolloutRequest[] = [];
  readonly rollouts: Rollout[] = [];

  override async generate(id: string, requests: readonly RolloutRequest[]): Promise<Rollout[]> {
    const rollouts = await super.generate(id, requests);
    this.requests.push(...requests);
    this.rollouts.push(...rollouts);
    return rollouts;
  }
}

async function probed(form: RunForm): Promise<{ probe: Probe; engine: Remembering }> {
  const whole = await smallForm(form);
  const engine = new Remembering(await readTokenizer(whole.model!));
  const probe = await probeRun(whole, { problems: 5, responses: 2, engine });
  return { probe: probe!, engine };
}

it("samples the run's own first responses", async () => {
  const form: RunForm = { iterations: 1, algorithm: 'grpo', seed: 3 };
  const { probe, engine } = await probed(form);
  const recorded = await nullRun(temporal, form, async ({ result, services: { store } }) => {
    const { initial } = await getJson<IterationRecord>(store, result.ledger!);
    return decodeRollouts(await getArrays(store, initial.responses));
  });
  const first = recorded.filter(({ problem, response }) => problem < 5 && response < 2);
  expect(engine.rollouts.map(({ tokens }) => tokens)).toEqual(first.map(({ tokens }) => tokens));
  expect(probe).toMatchObject({ problems: 5, responses: 10, cutOff: 0 });
  expect(probe.tokens).toBeCloseTo(first.reduce((sum, { tokens }) => sum + tokens.length, 0) / 10, 9);
});

it('says of each separator how it cuts them', async () => {
  const { probe } = await probed({ steps: { separator: 'line', delta: 3 } });
  expect(probe.settings).toEqual({ separator: 'line', delta: 3 });
  expect(probe.separators.map(({ separator }) => separator)).toEqual(['blank-line', 'line', 'sentence']);
  // Straight-line programs have a blank line behind each step, and no sentences.
  const [blank, line, sentence] = probe.separators;
  expect(blank.cutBy).toEqual({ 'blank-line': 1, line: 0, sentence: 0, token: 0 });
  expect(line.cutBy.line).toBe(1);
  expect(sentence.cutBy.sentence).toBe(1);
  expect(line.perResponse).toBe(blank.perResponse);
  const text = probeTable(probe);
  expect(text).toMatch(/^10 responses to the first 5 problems: /);
  expect(text).toContain('line (now)');
});

it('samples nothing where the run would be refused', async () => {
  expect(await probeRun({ seed: -1 }, { problems: 1, responses: 1 })).toBeUndefined();
  expect(await probeRun({ model: 'models/none' }, { problems: 1, responses: 1 })).toBeUndefined();
});

describe('suggests', () => {
  const suggested = (...guided: number[]) =>
    suggestSeparator(guided.map((share, i) => ({ separator: probeOrder[i], guided: share })));
  const probeOrder = ['blank-line', 'line', 'sentence'] as const;

  it.each([
    ['the coarsest that leaves most responses to attention', [0.8, 1, 1], 'blank-line'],
    ['a finer one where that does', [0.4, 0.76, 1], 'line'],
    ['the one that leaves it the most, where none does', [0.1, 0.2, 0.6], 'sentence'],
    ['the coarsest of equals', [0, 0, 0], 'blank-line'],
  ] as const)('%s', (_, guided, separator) => {
    expect(suggested(...guided)).toBe(separator);
  });
});
