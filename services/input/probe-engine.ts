import { inspectCheckpoint } from '../../policy/model/checkpoint/inspect.js';
import { openInferenceEngine } from '../../policy/processes/open.js';
import { readTokenizer } from '../../policy/model/tokenizer.js';
import { locateModel } from './checks.js';

export interface ProbedEngine {
  readonly model: string;
  /** New tokens that it generated. */
  readonly tokens: number;
  readonly seconds: number;
}

const PROMPT = 'a:1+2;a?';
const NEW_TOKENS = 8;

/** Opens an engine process on a checkpoint and lets it generate: all that a rollout needs, once. */
export async function probeEngine(model: string): Promise<ProbedEngine> {
  const start = performance.now();
  const directory = await locateModel(model);
  const { configJson, weights } = await inspectCheckpoint(directory);
  const tokenizer = await readTokenizer(directory);
  const engine = openInferenceEngine();
  try {
    await engine.load({ id: directory, config: configJson, weights });
    const [rollout] = await engine.generate(directory, [
      {
        prefix: tokenizer.encode(PROMPT),
        uniforms: { kind: 'counter', key: { runSeed: 0, iteration: 0, problem: 0, response: 0, branch: 0 } },
        maxNewTokens: NEW_TOKENS,
        temperature: 1,
        stopIds: [],
      },
    ]);
    return { model: directory, tokens: rollout.tokens.length, seconds: (performance.now() - start) / 1000 };
  } finally {
    await engine.close();
  }
}
