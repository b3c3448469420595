/** A run that goes on behind an iteration of another one (`from` in its configuration). */
import { readArtifact } from '../../store/formats/artifacts.js';
import type { RunStart } from '../../contracts/protocol/activities.js';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { RunConfig } from '../../contracts/config/run-config.js';
import type { InputProblem } from '../../contracts/errors/run-errors.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import { iterationRecord } from '../../contracts/artifacts/iteration-record-schema.js';
import type { RunManifest } from '../../contracts/artifacts/run-manifest.js';
import type { TemplatedPrompts } from '../../policy/model/chat-template.js';
import { parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import { ArtifactDamaged, ArtifactMissing, type ArtifactStore } from '../../store/artifact-store.js';
import { getJson } from '../../store/formats/io.js';
import { promptsOf } from '../policies.js';
import { ProblemSetChanged, trainingSet, type Task } from '../../tasks/task.js';

export interface Fork {
  readonly record: IterationRecord;
  /** Manifest of the parent. */
  readonly parent: RunManifest;
  readonly start: RunStart;
  readonly model: { readonly config: ModelConfig; readonly configJson: unknown };
  readonly prompts: TemplatedPrompts;
}

type ModelConfig = Extract<ReturnType<typeof parseModelConfig>, { config: unknown }>['config'];

/** Undefined where it cannot be gone on with; `problems` then says why. */
export async function readFork(
  store: ArtifactStore,
  config: Pick<RunConfig, 'from' | 'iterations' | 'pipeline'>,
  problems: InputProblem[],
): Promise<Fork | undefined> {
  const ref = config.from!.record;
  try {
    const parsed = iterationRecord.safeParse(await getJson(store, ref));
    if (!parsed.success) throw new NotUsable(`${ref.sha256} is no iteration record of this version`);
    const record = parsed.data;
    const { iteration, initial, policy, controller } = record;
    if (config.iterations <= iteration + 1)
      problems.push({
        path: 'iterations',
        problem: `counts those of the parent: it must be above ${iteration + 1}`,
      });
    const ahead = config.pipeline === 'one-step-off-policy';
    const lost = await lostFiles(store, ahead ? [policy.before, policy.after] : [policy.after]);
    if (lost > 0)
      throw new NotUsable(`weights of policy ${iteration} or ${iteration + 1} are not in the store any more`);
    const configJson: unknown = await getJson(store, await configOf(store, policy.after));
    const model = parseModelConfig(configJson);
    if ('problems' in model) throw new NotUsable('the config.json of its policy cannot be used');
    return {
      record,
      parent: await readArtifact(store, record.manifest),
      start: {
        iteration: iteration + 1,
        cursor: initial.cursor.after,
        record: ref,
        ahead: ahead ? { policy: policy.before, batchSize: controller.before.batchSize } : null,
      },
      model: { ...model, configJson },
      prompts: await promptsOf(store, policy.after),
    };
  } catch (error) {
    const expected = [NotUsable, ArtifactMissing, ArtifactDamaged].some((type) => error instanceof type);
    if (!expected) throw error;
    problems.push({ path: 'from.record', problem: (error as Error).message });
    return undefined;
  }
}

/** The record is there, and cannot be gone on with. */
class NotUsable extends Error {}

/** The data cursor must mean the same. */
export function checkDataSet({ parent }: Fork, task: Task, problems: InputProblem[]): void {
  try {
    trainingSet(task, parent);
  } catch (error) {
    if (!(error instanceof ProblemSetChanged)) throw error;
    problems.push({ path: 'task', problem: `${error.message}: the data cursor of the parent does not fit` });
  }
}

/** Looks for the policies' files, and keeps those that are there from being collected. */
async function lostFiles(store: ArtifactStore, policies: readonly ArtifactRef<'policy'>[]): Promise<number> {
  let lost = 0;
  for (const ref of policies) {
    const { files, weights, optimizer } = await readArtifact(store, ref);
    const all = [
      ref,
      ...Object.values(files),
      ...weights.map((weight) => weight.ref),
      ...(optimizer ? [optimizer] : []),
    ];
    for (const file of all) if (!(await store.renew(file))) lost += 1;
  }
  return lost;
}

async function configOf(store: ArtifactStore, policy: ArtifactRef<'policy'>): Promise<ArtifactRef<'model-file'>> {
  const { files } = await readArtifact(store, policy);
  const config = files['config.json'];
  if (!config) throw new ArtifactDamaged(`policy ${policy.sha256}`, 'it has no config.json');
  return config;
}
