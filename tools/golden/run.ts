/** Runs the cases of a topic file. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { openGoldenEngines } from './engines.js';
import type { GoldenEngines, LearnerRuntime } from './engines.js';
import type { GoldenContext } from './topic.js';
import { topics } from './topics.js';

const topicFile = z.object({
  topic: z.string(),
  schema: z.literal(1),
  cases: z.array(z.looseObject({ id: z.string(), kind: z.string(), debatable: z.boolean().optional() })),
});
export type TopicFile = z.infer<typeof topicFile>;

export interface CaseResult {
  readonly id: string;
  readonly kind: string;
  /** Agreement is reported, but never fails. */
  readonly debatable: boolean;
  /** Empty when it passes. */
  readonly differences: readonly string[];
}

/** Paths of the topic files of a folder, in the order of their names. */
export async function topicFiles(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json')).sort();
  return names.map((name) => join(directory, name));
}

/** The content of a topic file; what is wrong with it names the path. */
export async function readTopicFile(path: string): Promise<TopicFile> {
  try {
    return topicFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new Error(`${path} is not a golden topic file: ${messageOf(error)}`, { cause: error });
  }
}

/** Results in the order of the cases. A case that throws has failed, with the error as its difference. */
export async function runCases(file: TopicFile, context: GoldenContext): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const goldenCase of file.cases) {
    const { id, kind, debatable = false } = goldenCase;
    results.push({ id, kind, debatable, differences: await runCase(file.topic, goldenCase, context) });
  }
  return results;
}

/** Opens the engines once, at the first case that asks for them. */
export function sharedEngines(learner: LearnerRuntime = 'onnx'): {
  engines: () => Promise<GoldenEngines>;
  close: () => Promise<void>;
} {
  let opened: Promise<GoldenEngines> | undefined;
  return {
    engines: () => (opened ??= openGoldenEngines(learner)),
    close: async () => {
      const settled = opened && (await Promise.allSettled([opened]))[0];
      if (settled?.status === 'fulfilled') await settled.value.close();
    },
  };
}

async function runCase(topic: string, goldenCase: TopicFile['cases'][number], context: GoldenContext) {
  const check = topics[topic]?.[goldenCase.kind];
  if (!check) return [`no check for kind "${goldenCase.kind}" of topic "${topic}"`];
  try {
    return await check(goldenCase, context);
  } catch (error) {
    return [messageOf(error)];
  }
}

/** On one line. */
function messageOf(error: unknown): string {
  if (error instanceof z.ZodError) return z.prettifyError(error).replaceAll(/\s+/g, ' ');
  return error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : String(error);
}
