/** Responses of a real model, sampled by the engine or taken from a run, with their steps. */
import { DELTA } from '../../../algorithm/influence.js';
import { readBatch } from '../../../services/batches.js';
import { responseRanges, stepsOf } from '../../../iteration/step-ranges.js';
import { readRunFiles, readEntry } from '../../../runs/index.js';
import { inspectCheckpoint } from '../../../policy/model/checkpoint/inspect.js';
import { openInferenceEngine } from '../../../policy/processes/open.js';
import { readChatTemplate, TemplatedPrompts } from '../../../policy/model/chat-template.js';
import { readTokenizer } from '../../../policy/model/tokenizer.js';
import { LocalArtifactStore } from '../../../store/local-artifact-store.js';
import { readProblems } from '../../../tasks/problem-files.js';
import { join } from 'node:path';
import { THREADS } from '../machine.js';
import { ASKED } from './form.js';
import type { ScoredRow } from './scored-rows.js';

export interface Sampling {
  readonly problems: number;
  readonly responses: number;
  readonly tokens: number;
  readonly seed: number;
}

/** Responses of the model in `directory` to the first problems of a file, at temperature 1; `text` is the response's. */
export async function sampleResponses(
  directory: string,
  problemFile: string,
  { problems, responses, tokens, seed }: Sampling,
): Promise<ScoredRow[]> {
  const tokenizer = await readTokenizer(directory);
  const prompts = new TemplatedPrompts(tokenizer, await readChatTemplate(directory), directory);
  const source = await readProblems(problemFile, ASKED);
  const requests = Array.from({ length: problems * responses }, (_, i) => {
    const problem = Math.floor(i / responses);
    const key = { runSeed: seed, iteration: 0, problem, response: i % responses, branch: 0 };
    return {
      prefix: prompts.encode(source.problem(problem).prompt),
      uniforms: { kind: 'counter', key } as const,
      maxNewTokens: tokens,
      stopIds: tokenizer.eosIds,
      temperature: 1,
    };
  });
  const { configJson, weights } = await inspectCheckpoint(directory);
  const engine = openInferenceEngine({ slots: requests.length, threads: THREADS });
  try {
    await engine.load({ id: directory, config: configJson, weights });
    const rollouts = await engine.generate(directory, requests);
    return rollouts.map((rollout, i) => {
      const { prefix } = requests[i];
      const { stepRanges, thinkEndStep } = stepsOf(prefix.length, rollout.tokens, tokenizer);
      const all = Int32Array.of(...prefix, ...rollout.tokens);
      return { tokens: all, promptLength: prefix.length, temperature: 1, stepRanges, thinkEndStep, delta: DELTA };
    });
  } finally {
    await engine.close();
  }
}

/** Those with the most steps: of a response of less than six no step has any influence. */
export function mostSteps(rows: readonly ScoredRow[], count: number): ScoredRow[] {
  return [...rows].sort((a, b) => b.stepRanges.length - a.stepRanges.length).slice(0, count);
}

/** Initial responses of an iteration of a run. */
export async function responsesOfRun(home: string, run: string, iteration: number): Promise<ScoredRow[]> {
  const store = await LocalArtifactStore.open(join(home, 'store'));
  const files = await readRunFiles(join(home, 'runs'), run);
  const { record, manifest } = await readEntry(store, files, iteration);
  const batch = await readBatch(store, record.initial, manifest.config);
  return batch.flatMap(({ prompt, responses }) =>
    responses.map(({ rollout, score }) => ({
      tokens: Int32Array.of(...prompt, ...rollout.tokens),
      promptLength: prompt.length,
      temperature: manifest.config.sampling.temperature,
      stepRanges: [[0, prompt.length] as const, ...responseRanges(score.stepEnds, prompt.length)],
      thinkEndStep: -1,
      delta: manifest.config.branching.delta,
    })),
  );
}
