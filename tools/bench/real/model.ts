/** A pretrained model with all that its contenders open, and prompts for it. */
import { access, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { PolicyFiles } from '../../../contracts/engine/engine.js';
import { NoChatTemplate, readChatTemplate } from '../../../policy/model/chat-template.js';
import { inspectCheckpoint } from '../../../policy/model/checkpoint/inspect.js';
import { readTokenizer } from '../../../policy/model/tokenizer.js';
import type { ModelConfig } from '../../../policy/model/config.js';
import { ifAbsent } from '../../../store/absent.js';
import { ASKED } from '../acceptance/form.js';
import { execute, peerPython, PEERS } from '../peer-environment.js';
import { realModel, RealModelNotMade, type RealModelName } from '../real-model.js';
import { type WordProblem, wordProblems } from '../word-problems.js';

/** Those that are measured. */
export const MEASURED = ['smollm2-135m', 'qwen2.5-coder-0.5b'] as const satisfies readonly RealModelName[];
export type MeasuredName = (typeof MEASURED)[number];

/** How llama.cpp holds the matrices. */
export const GGUF_TYPES = ['F32', 'Q8_0'] as const;
export type GgufType = (typeof GGUF_TYPES)[number];

export interface MeasuredModel {
  readonly name: MeasuredName;
  /** Hugging Face directory. */
  readonly directory: string;
  readonly config: ModelConfig;
  readonly policy: PolicyFiles;
  readonly gguf: Readonly<Record<GgufType, string>>;
  /** Token ids of word problems, through the chat template, all of one length: so nobody has to fill up. */
  readonly prompts: readonly (readonly number[])[];
}

/** Of which the most common length is taken: there are more than a thousand of it. */
const PROBLEMS = 6000;
const SEED = 0;

/** Rejects with `RealModelNotMade`, `PeersNotInstalled`, `NoChatTemplate`. */
export async function measuredModel(name: MeasuredName): Promise<MeasuredModel> {
  const { directory, gguf } = await realModel(name);
  const { config, configJson, weights } = await inspectCheckpoint(directory);
  return {
    name,
    directory,
    config,
    policy: { id: name, config: configJson, weights },
    gguf: { F32: await ggufAs(name, gguf, 'F32'), Q8_0: await ggufAs(name, gguf, 'Q8_0') },
    prompts: mostOfOneLength(await promptTokens(directory)),
  };
}

/** `count` prompts behind the first `from`. @throws RangeError where there are not enough */
export function promptsOf({ prompts }: MeasuredModel, count: number, from = 0): number[][] {
  const taken = prompts.slice(from, from + count);
  if (taken.length < count) throw new RangeError(`there are ${prompts.length} prompts, not ${from + count}`);
  return taken.map((prompt) => [...prompt]);
}

async function ggufAs(name: RealModelName, source: string, type: GgufType): Promise<string> {
  const path = source.replace(/\.gguf$/, `.${type}.gguf`);
  if (await access(path).then(() => true, ifAbsent(false))) return path;
  console.error(`writing ${name} in ${type} for llama.cpp`);
  const draft = `${path}.draft`;
  const failure = await execute(await peerPython(), [join(PEERS, 'gguf_as.py'), source, draft, type]);
  if (failure !== undefined) throw new RealModelNotMade(name, failure);
  await rename(draft, path);
  return path;
}

async function promptTokens(directory: string): Promise<number[][]> {
  const tokenizer = await readTokenizer(directory);
  const texts = await promptTexts(directory, wordProblems(PROBLEMS, SEED));
  return texts.map((text) => [...tokenizer.encode(text)]);
}

/** As the model gets them. */
export async function promptTexts(directory: string, problems: readonly WordProblem[]): Promise<string[]> {
  const template = await readChatTemplate(directory);
  if (!template) throw new NoChatTemplate(directory);
  return problems.map(({ prompt }) => {
    return template.render([{ role: 'user', content: `${prompt} ${ASKED.instruction}` }]);
  });
}

function mostOfOneLength(prompts: readonly number[][]): number[][] {
  const byLength = new Map<number, number[][]>();
  for (const prompt of prompts) byLength.set(prompt.length, [...(byLength.get(prompt.length) ?? []), prompt]);
  return [...byLength.values()].reduce((most, some) => (some.length > most.length ? some : most));
}
