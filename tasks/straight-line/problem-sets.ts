/** Straight-line programs as training and evaluation problems. Training and held-out programs cannot meet (`splitOf`). */
import type { ProblemSource } from '../problem-source.js';
import { problemSource } from '../problem-source.js';
import type { EvaluationSet } from './evaluation-sets.js';
import { EVALUATION_SETS } from './evaluation-sets.js';
import type { ProgramSettings, Split } from './generator.js';
import { DEFAULT_PROGRAMS, programAt } from './generator.js';
import { answerOf, renderProblem } from './program.js';

/** Problems of an epoch where nothing else is asked for: several times what the default run draws. */
const TRAINING_PROBLEMS = 20_000;

/** The held-out sets do not depend on the run. */
const EVALUATION_SEED = 0;

export function trainingProblems(
  seed: number,
  settings: ProgramSettings = DEFAULT_PROGRAMS,
  size = TRAINING_PROBLEMS,
): ProblemSource {
  return programs('train', size, settings, 'train', seed);
}

/** The six held-out sets. */
export function evaluationProblems(sets: readonly EvaluationSet[] = EVALUATION_SETS): ProblemSource[] {
  // Each set has its own seed, so that sets of like settings do not share programs.
  return sets.map((set, i) => programs(set.name, set.size, set.settings, 'held-out', EVALUATION_SEED + i));
}

function programs(name: string, size: number, settings: ProgramSettings, split: Split, seed: number): ProblemSource {
  return problemSource(name, size, (index) => {
    const program = programAt(settings, split, seed, index);
    return {
      id: `${name}/${index}`,
      prompt: renderProblem(program),
      groundTruth: answerOf(program),
    };
  });
}
