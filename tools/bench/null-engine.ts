/**
 * Engine and learner without a model: deterministic, instant, and good enough at straight-line programs that every path of
 * a run is taken. A policy's skill is read from the first tensor of its weights, and every update raises it.
 */
import { createHash } from 'node:crypto';
import { uniform } from '../../algorithm/random.js';
import type {
  GenerateOptions,
  InferenceEngine,
  StandingLearner,
  LearnerState,
  PolicyFiles,
  Rollout,
  RolloutRequest,
  Score,
  ScoreRequest,
  TrainingSequence,
  UpdateMetrics,
} from '../../contracts/engine/engine.js';
import type { PolicyTokenizer } from '../../policy/model/tokenizer.js';
import { SafetensorsFile } from '../../store/safetensors/file.js';
import { encodeSafetensors } from '../../store/safetensors/safetensors.js';
import { writeFile } from 'node:fs/promises';

export class NullEngine implements InferenceEngine {
  readonly #skills = new Map<string, number>();

  constructor(private readonly tokenizer: PolicyTokenizer) {}

  async load(policy: PolicyFiles): Promise<void> {
    this.#skills.set(policy.id, await skillOf(policy));
  }

  async generate(
    policyId: string,
    requests: readonly RolloutRequest[],
    options: GenerateOptions = {},
  ): Promise<Rollout[]> {
    const skill = this.#skillOf(policyId);
    const rollouts = requests.map((request) => this.#answer(request, skill));
    const tokens = rollouts.reduce((sum, rollout) => sum + rollout.tokens.length, 0);
    await options.onProgress?.({ done: rollouts.length, total: rollouts.length, tokens });
    await Promise.resolve();
    return rollouts;
  }

  async score(policyId: string, requests: readonly ScoreRequest[]): Promise<Score[]> {
    this.#skillOf(policyId);
    await Promise.resolve();
    return requests.map(({ tokens, promptLength, stepRanges = [], thinkEndStep = -1 }) => {
      const response = Array.from(tokens.subarray(promptLength));
      return {
        logProbs: Float32Array.from(response, (token, t) => -0.1 - ((token + t) % 7) / 10),
        entropies: Float32Array.from(response, (token, t) => ((token * 31 + t * 17) % 101) / 100),
        fci: Float32Array.from(stepRanges, ([start, end], k) =>
          k < 2 || (thinkEndStep >= 0 && k >= thinkEndStep) ? 0 : ((start * 7 + end) % 13) / 13,
        ),
      };
    });
  }

  async close(): Promise<void> {}

  #skillOf(policyId: string): number {
    const skill = this.#skills.get(policyId);
    if (skill === undefined) throw new Error(`policy ${policyId} is not loaded`);
    return skill;
  }

  /** The right continuation of prompt and kept part; with luck above the skill, ending in a wrong digit. */
  #answer({ prefix, uniforms, maxNewTokens, stopIds }: RolloutRequest, skill: number): Rollout {
    if (uniforms.kind !== 'counter') throw new Error('the null engine takes counted uniforms only');
    const text = this.tokenizer.decode(prefix);
    const asked = text.indexOf('?') + 1;
    const { response, answer } = solve(text.slice(0, asked));
    const right = uniform(uniforms.key, 0) < skill;
    const box = `\\boxed{${right ? answer : (answer + 1) % 10}}`;
    const rest = `${response}${box}`.slice(text.length - asked);
    const all = [...this.tokenizer.encode(rest), stopIds[0]];
    const tokens = Int32Array.from(all.slice(0, maxNewTokens));
    return { tokens, logProbs: new Float32Array(tokens.length).fill(-0.5), finished: tokens.length === all.length };
  }
}

export class NullLearner implements StandingLearner {
  #skill = 0;
  #digest = '';

  /** @param gain in skill with every optimiser step */
  constructor(private readonly gain = 0.03) {}

  async load({ policy }: LearnerState): Promise<void> {
    this.#skill = await skillOf(policy);
    this.#digest = policy.id;
  }

  rest(): Promise<void> {
    return Promise.resolve();
  }

  async update(miniBatch: readonly TrainingSequence[]): Promise<UpdateMetrics> {
    const hash = createHash('sha256').update(this.#digest);
    for (const row of miniBatch)
      hash
        .update(row.tokens)
        .update(row.advantages)
        .update(row.weights)
        .update(row.oldLogProbs ?? new Float32Array());
    this.#digest = hash.digest('hex');
    this.#skill = Math.min(0.95, this.#skill + this.gain);
    const tokens = miniBatch.reduce((sum, { weights }) => sum + weights.reduce((a, b) => a + b, 0), 0);
    const loss = createHash('sha256').update(this.#digest).digest()[0] / 1000;
    await Promise.resolve();
    return {
      loss,
      policyLoss: loss,
      kl: 0.001,
      clipFraction: 0.01,
      clipFractionLower: 0,
      approxKl: 0.001,
      entropy: 0.4,
      gradNorm: 0.5,
      tokens,
    };
  }

  supervise(): Promise<never> {
    throw new Error('the null learner learns from advantages only');
  }

  async save(weightsPath: string, optimizerPath: string): Promise<void> {
    const digest = Float32Array.from(Buffer.from(this.#digest, 'hex'));
    await writeFile(weightsPath, encodeSafetensors({ skill: new Float32Array([this.#skill]), digest }));
    await writeFile(optimizerPath, encodeSafetensors({ digest }));
  }

  async close(): Promise<void> {}
}

/** A base model has a middling skill of its own; a trained one carries its skill. */
async function skillOf(policy: PolicyFiles): Promise<number> {
  const file = await SafetensorsFile.open(policy.weights[0]);
  try {
    return file.header.tensors.has('skill') ? Number((await file.read('skill'))[0]) : 0.5;
  } finally {
    await file.close();
  }
}

/** `a:1+2;b:a*3;b?` -> its reasoning, every line worked out, and the answer. */
function solve(prompt: string): { response: string; answer: number } {
  const values = new Map<string, number>();
  let last = 0;
  const steps = prompt
    .split(';')
    .slice(0, -1)
    .map((line) => {
      const [, name, left, operator, right] = /^(.):(.)(.)(.)$/.exec(line)!;
      const value = (operand: string): number => values.get(operand) ?? Number(operand);
      const show = (operand: string): string => (values.has(operand) ? `${operand}${values.get(operand)}` : operand);
      const [a, b] = [value(left), value(right)];
      last = (((operator === '+' ? a + b : operator === '-' ? a - b : a * b) % 10) + 10) % 10;
      const shown = `${name}:${show(left)}${operator}${show(right)}>${name}${last}\n\n`;
      values.set(name, last);
      return shown;
    });
  return { response: `<think>${steps.join('')}</think>`, answer: last };
}
