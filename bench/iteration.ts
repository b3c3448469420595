/** Iterations of the default run, and of our GRPO mode beside TRL's GRPOTrainer on the same model and problems. */
import type { RunForm } from '../contracts/config-form.js';
import { resolveConfig } from '../contracts/config.js';
import { SHIPPED_FACTS } from '../contracts/model-defaults.js';
import { trainingProblems } from '../tasks/straight-line/problem-sets.js';
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

const GRPO: RunForm = {
  algorithm: 'grpo',
  sampling: { problemsPerIteration: 24, responsesPerProblem: 12, maxResponseTokens: 96 },
  update: { miniBatchPaths: 288 },
};
/** Ours and TRL take turns, so many steps each. */
const TURNS = 2;
const STEPS_PER_TURN = 4;
/** Of 288 paths at once, 144 and 72, TRL is fastest with 72 (sdpa: 4.6, 4.5, 4.2 s a step), and slower with eager attention. */
const TRL_MICRO_BATCH = 72;

export async function iteration(): Promise<Row[]> {
  return [...(await defaultRun()), await besideTrl()];
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

async function besideTrl(): Promise<Row> {
  const peer = await Peer.start('grpo.py');
  try {
    await peer.ask(trlSettings());
    await peer.ask({}); // warms up
    const ours: number[] = [];
    const trl: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      ours.push(...(await grpoSeconds(turn)));
      for (let step = 0; step < STEPS_PER_TURN; step++) trl.push((await peer.ask<{ seconds: number }>({})).seconds);
      console.error(
        `iteration GRPO · turn ${turn + 1} of ${TURNS} · ours ${median(ours).toFixed(2)} s · TRL ${median(trl).toFixed(2)} s`,
      );
    }
    return lowerIsBetter(
      {
        case: 'GRPO · 24 problems x 12 responses, at most 96 tokens',
        metric: 'one iteration (peer: TRL GRPOTrainer, sdpa)',
        unit: 's',
        ours: median(ours),
        peer: median(trl),
      },
      3,
    );
  } finally {
    await peer.close();
  }
}

/** Another seed each turn: other problems, so nothing is already known. */
function grpoSeconds(seed: number): Promise<readonly number[]> {
  const iterations = WARM_UP + STEPS_PER_TURN;
  return runTraining({ ...GRPO, seed, iterations }, ({ observation }) =>
    Promise.resolve(observation.iterationSeconds.slice(-STEPS_PER_TURN)),
  );
}

function trlSettings(): object {
  const { sampling, update } = resolveConfig(GRPO, SHIPPED_FACTS);
  const problems = trainingProblems(0);
  const steps = 1 + TURNS * STEPS_PER_TURN;
  return {
    directory: SHIPPED_MODEL,
    problems: Array.from({ length: steps * sampling.problemsPerIteration }, (_, i) => {
      const { prompt, groundTruth } = problems.problem(i);
      return { prompt, answer: groundTruth };
    }),
    problemsPerStep: sampling.problemsPerIteration,
    responses: sampling.responsesPerProblem,
    maxNewTokens: sampling.maxResponseTokens,
    microBatch: TRL_MICRO_BATCH,
    attention: 'sdpa',
    learningRate: update.learningRate,
    threads: THREADS,
  };
}
