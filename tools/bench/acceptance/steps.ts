/** What a user does with a model, from its first plan to its export, and what must come of it. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IterationSummary, ModelEvaluation } from '../../../contracts/protocol/run.js';
import type { RunEvent } from '../../../cli/events.js';
import type { RunPlanned } from '../../../runs/plan/plan-run.js';
import type { AuditReport } from '../../../runs/audit/findings.js';
import type { Attnrl } from './command.js';
import type { Setting } from './form.js';
import type { Progress } from './progress.js';
import { mostSteps, responsesOfRun, sampleResponses } from './responses.js';
import { compareWithTransformers } from './scored-rows.js';

export const STEPS = ['plan', 'evaluate', 'influence', 'train', 'audit', 'fork', 'export', 'transformers'] as const;
export type StepName = (typeof STEPS)[number];

/** What must have gone well before. */
export const NEEDS: Partial<Readonly<Record<StepName, StepName>>> = {
  audit: 'train',
  fork: 'train',
  export: 'train',
  transformers: 'export',
};

/** Rows that are compared with transformers. */
const COMPARED = 10;
const SAMPLED = { problems: 8, responses: 3 };

/** Something came out otherwise than it must. */
export class Unexpected extends Error {
  override readonly name = 'Unexpected';
}

export class Acceptance {
  /**
   * @param model Hugging Face directory
   * @param tell is given a line about what happens in between
   */
  constructor(
    private readonly attnrl: Attnrl,
    private readonly model: string,
    private readonly setting: Setting,
    private readonly progress: Progress,
    private readonly tell: (line: string) => void,
  ) {}

  /** Does a step; resolves with what came of it, in a few words. */
  async do(step: StepName): Promise<string> {
    try {
      return await this.#steps[step]();
    } catch (error) {
      // What came to its end without success cannot be gone on with.
      if (!this.attnrl.interrupted && step === 'train')
        await this.progress.note({ run: undefined, killedIn: undefined });
      if (!this.attnrl.interrupted && step === 'fork') await this.progress.note({ fork: undefined });
      throw error;
    }
  }

  readonly #steps: Readonly<Record<StepName, () => Promise<string>>> = {
    plan: async () => {
      const [{ problems, cost }] = await this.attnrl.run<RunPlanned>(['plan', '--config', this.setting.configuration]);
      if (problems.length > 0 || !cost) throw new Unexpected(problems.map(({ problem }) => problem).join('; '));
      return `${(cost.model.parameters / 1e6).toFixed(0)}M parameters, ${cost.seconds.oneMachine.toFixed(0)} s per iteration foreseen`;
    },
    evaluate: async () => {
      const args = ['evaluate', this.model, '--config', this.setting.configuration];
      const [{ sets }] = await this.attnrl.run<ModelEvaluation>(args);
      const [{ problems, accuracy, truncated }] = sets;
      return `${problems} problems, ${percent(accuracy)} right, ${percent(truncated)} cut off`;
    },
    influence: async () => {
      const { tokens, seed } = this.progress.state.size;
      const rows = await sampleResponses(this.model, this.setting.training, { ...SAMPLED, tokens, seed });
      const asJson = rows.map((row) => ({ ...row, tokens: [...row.tokens] }));
      await writeFile(join(this.attnrl.home, 'responses.json'), JSON.stringify(asJson)); // for tools/bench/peers/attention_sinks.py
      const compared = mostSteps(rows, COMPARED);
      const steps = compared.map(({ stepRanges }) => stepRanges.length - 1);
      return `${await compareWithTransformers(this.model, compared)}; ${Math.min(...steps)} to ${Math.max(...steps)} steps`;
    },
    train: async () => {
      const { size, killedIn = size.iterations > 1 ? await this.#trainUntilKilled(1) : undefined } =
        this.progress.state;
      const { policy, summaries } = await this.#train();
      await this.progress.note({ policy });
      return `${inAll(summaries)}${killedIn === undefined ? '' : `; killed in ${killedIn}, and resumed`}`;
    },
    audit: async () => {
      const replayed = String(Math.min(1, this.progress.state.size.iterations - 1));
      const [report] = await this.attnrl.run<AuditReport>(['audit', this.#run, '--replay', replayed]);
      if (report.verdict !== 'proved') throw new Unexpected(JSON.stringify(report.findings));
      return `proved, iteration ${replayed} replayed to the bit`;
    },
    fork: async () => {
      const { iterations } = this.progress.state.size;
      const at = iterations - 1;
      if (at < 1) return 'nothing to fork behind';
      if (this.progress.state.fork === undefined) {
        const [{ run }] = await this.attnrl.run<{ run: string }>(['fork', this.#run, '--at', String(at)]);
        await this.progress.note({ fork: run });
      }
      const { policy } = await this.#train();
      const { policy: expected = '' } = this.progress.state;
      if (policy !== expected)
        throw new Unexpected(`forked at ${at}, the run ends with another policy: ${policy}, not ${expected}`);
      return `at iteration ${at}, ends with the same policy, to the bit`;
    },
    export: async () => {
      await rm(this.#exported, { recursive: true, force: true }); // of an earlier run in the same home
      const [{ version, directory }] = await this.attnrl.run<{ version: number; directory: string }>([
        'export',
        this.#run,
        this.#exported,
      ]);
      return `policy ${version} in ${directory}`;
    },
    transformers: async () => {
      const rows = await responsesOfRun(this.attnrl.home, this.#run, this.progress.state.size.iterations - 1);
      return compareWithTransformers(this.#exported, mostSteps(rows, COMPARED));
    },
  };

  get #exported(): string {
    return join(this.attnrl.home, 'exported');
  }

  get #run(): string {
    return this.progress.state.run ?? '';
  }

  /** Kills the command, its worker and its engines in the middle of an iteration; resolves with what they were at. */
  async #trainUntilKilled(iteration: number): Promise<string> {
    let killedIn: string | undefined;
    await this.#follow((event) => {
      if (event.event !== 'progress' || event.iteration < iteration) return false;
      const underWay = event.work.find(({ done, tokens }) => done > 0 || tokens > 0);
      killedIn = underWay && `iteration ${event.iteration}, ${underWay.name}`;
      return killedIn !== undefined;
    });
    if (killedIn === undefined) throw new Unexpected('the run came to its end before it could be killed');
    await this.progress.note({ killedIn });
    this.tell(`killed in ${killedIn}`);
    return killedIn;
  }

  async #train(): Promise<Trained> {
    const events = await this.#follow((event) => {
      if (event.event === 'iteration') this.tell(inWords(event));
      return false;
    });
    const result = events.find((event) => event.event === 'result');
    if (!result) throw new Unexpected('train printed no result');
    const summaries = events.filter((event) => event.event === 'iteration');
    return { policy: result.policy.sha256, summaries };
  }

  /** Starts the run, or goes on with what was started in this home. */
  async #follow(onEvent: (event: RunEvent) => boolean): Promise<RunEvent[]> {
    const { run } = this.progress.state;
    const args = run === undefined ? ['--config', this.setting.configuration, '--new'] : ['--resume'];
    const noted: Promise<void>[] = [];
    const events = await this.attnrl.run<RunEvent>(['train', ...args], (event) => {
      if (event.event === 'run' && run === undefined) noted.push(this.progress.note({ run: event.run }));
      return onEvent(event);
    });
    await Promise.all(noted);
    return events;
  }
}

interface Trained {
  /** SHA-256 of the last policy. */
  readonly policy: string;
  readonly summaries: readonly IterationSummary[];
}

function inWords({ iteration, responses, branches, leaves, update, seconds }: IterationSummary): string {
  const phases = Object.entries(seconds).map(([phase, value]) => `${phase} ${value.toFixed(0)} s`);
  const learnt = update ? `${update.tokens} tokens in ${update.steps} steps` : 'nothing to learn from';
  return `iteration ${iteration}: ${responses} responses, ${branches} branches, ${leaves} paths, ${learnt}; ${phases.join(', ')}`;
}

function inAll(summaries: readonly IterationSummary[]): string {
  const updates = summaries.flatMap(({ update }) => (update ? [update] : []));
  if (updates.length === 0) throw new Unexpected('no iteration had anything to learn from');
  const mean = summaries.reduce((sum, { seconds }) => sum + (seconds.total ?? 0), 0) / summaries.length;
  return `${summaries.length} iterations of ${mean.toFixed(0)} s, ${updates.length} with an update`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
