/** Iterations of the default run, and of our GRPO mode beside TRL's GRPOTrainer on the same model and problems. */
import type { RunForm } from '../../contracts/config/form.js';
import { resolveConfig } from '../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';
import type { Prompt } from '../../contracts/artifacts/prompt.js';
import { trainingProblems } from '../../tasks/straight-line/problem-sets.js';
import { median } from './in-turn.js';
import { THREADS } from './machine.js';
import { Peer } from './peer.js';
import { alone, lowerIsBetter, type Row } from './report.js';
import { SHIPPED_MODEL } from './shipped-model.js';
import { runTraining } from './training-run.js';

/** The first iterations build graphs and fill caches. */
const WARM_UP = 2;
const MEASURED = 8;
const DEFAULT_RUN: RunForm = { iterations: WARM_UP + MEASURED + 1 };

/** Our GRPO mode and TRL on the same model and problems, in turns of so many steps each. */
export interface GrpoComparison {
  readonly name: string;
  readonly form: RunForm;
  readonly directory: string;
  /** The first so many, as texts that the model gets. */
  readonly problems: (
    count: number,
  ) => readonly { readonly prompt: Prompt; readonly answer: string | readonly string[] }[];
  /** Of TRL, in paths: the fastest. */
  readonly microBatch: number;
  /** Of our iterations in each turn. */
  readonly warmUp: number;
  readonly turns: number;
  readonly stepsPerTurn: number;
  readonly target: number;
}

const GRPO: GrpoComparison = {
  name: 'GRPO · 24 problems x 12 responses, at most 96 tokens',
  form: {
    algorithm: 'grpo',
    sampling: { problemsPerIteration: 24, responsesPerProblem: 12, maxResponseTokens: 96 },
    update: { miniBatchPaths: 288 },
  },
  directory: SHIPPED_MODEL,
  problems: (count) => {
    const problems = trainingProblems(0);
    return Array.from({ length: count }, (_, i) => {
      const { prompt, groundTruth } = problems.problem(i);
      return { prompt, answer: groundTruth };
    });
  },
  // Of 288 paths at once, 144 and 72, TRL is fastest with 72 (sdpa: 4.6, 4.5, 4.2 s a step), and slower with eager attention.
  microBatch: 72,
  warmUp: WARM_UP,
  turns: 2,
  stepsPerTurn: 4,
  target: 3,
};

export async function iteration(): Promise<Row[]> {
  return [...(await defaultRun()), await besideTrl(GRPO)];
}

function defaultRun(): Promise<Row[]> {
  return runTraining(DEFAULT_RUN, ({ metrics, observation, eventLoopDelay }) => {
    const name = 'default run, one iteration';
    const measured = metrics.slice(WARM_UP, WARM_UP + MEASURED);
    const phases = Object.keys(measured[0]?.seconds ?? {}).filter((phase) => phase !== 'total');
    const phaseRow = (phase: string): Row =>
      alone({ case: name, metric: phase, unit: 's', ours: median(measured.map(({ seconds }) => seconds[phase] ?? 0)) });
    return Promise.resolve([
      alone({ case: name, metric: 'all of it', unit: 's', ours: median(observation.iterationSeconds.slice(WARM_UP)) }),
      ...phases.map(phaseRow),
      alone({ case: name, metric: 'time outside the engine', unit: '%', ours: 100 * observation.outsideEngine }, 15),
      alone({ case: 'worker', metric: 'event-loop delay, 99th percentile', unit: 'ms', ours: eventLoopDelay.p99 }),
      alone({ case: 'worker', metric: 'event-loop delay, largest', unit: 'ms', ours: eventLoopDelay.max }, 100),
    ]);
  });
}

export async function besideTrl(comparison: GrpoComparison): Promise<Row> {
  const { name, turns, stepsPerTurn, target } = comparison;
  const peer = await Peer.start('grpo.py');
  try {
    await peer.ask(trlSettings(comparison));
    await peer.ask({}); // warms up
    const ours: number[] = [];
    const trl: number[] = [];
    for (let turn = 0; turn < turns; turn++) {
      ours.push(...(await grpoSeconds(comparison, turn)));
      for (let step = 0; step < stepsPerTurn; step++) trl.push((await peer.ask<{ seconds: number }>({})).seconds);
      console.error(
        `${name} · turn ${turn + 1} of ${turns} · ours ${median(ours).toFixed(2)} s · TRL ${median(trl).toFixed(2)} s`,
      );
    }
    return lowerIsBetter(
      {
        case: name,
        metric: 'one iteration (peer: TRL GRPOTrainer, sdpa)',
        unit: 's',
        ours: median(ours),
        peer: median(trl),
      },
      target,
    );
  } finally {
    await peer.close();
  }
}

/** Another seed each turn: other problems, so nothing is already known. */
function grpoSeconds({ form, warmUp, stepsPerTurn }: GrpoComparison, seed: number): Promise<readonly number[]> {
  return runTraining({ ...form, seed, iterations: warmUp + stepsPerTurn }, ({ observation }) =>
    Promise.resolve(observation.iterationSeconds.slice(-stepsPerTurn)),
  );
}

function trlSettings({ form, directory, problems, microBatch, turns, stepsPerTurn }: GrpoComparison): object {
  const { sampling, update } = resolveConfig(form, SHIPPED_FACTS);
  const steps = 1 + turns * stepsPerTurn;
  return {
    directory,
    problems: problems(steps * sampling.problemsPerIteration),
    problemsPerStep: sampling.problemsPerIteration,
    responses: sampling.responsesPerProblem,
    maxNewTokens: sampling.maxResponseTokens,
    microBatch,
    attention: 'sdpa',
    learningRate: update.learningRate,
    threads: THREADS,
  };
}
