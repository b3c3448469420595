/** Responses as the engine scores them, beside what transformers makes of the same tokens and the same checkpoint. */
import type { Score, ScoreRequest } from '../../../contracts/engine/engine.js';
import { inspectCheckpoint } from '../../../policy/model/checkpoint/inspect.js';
import { openInferenceEngine } from '../../../policy/processes/open.js';
import { THREADS } from '../machine.js';
import { Peer } from '../peer.js';

/** A prompt and a response, with the steps of both. */
export type ScoredRow = ScoreRequest & Required<Pick<ScoreRequest, 'stepRanges' | 'thinkEndStep' | 'delta'>>;

type Field = keyof Score;
const FIELDS: readonly Field[] = ['logProbs', 'entropies', 'fci'];
type Differences = Readonly<Record<Field, number>>;

/** An entropy is a sum over the whole vocabulary, in another order here than there. */
const TOLERANCES: Differences = { logProbs: 1e-4, entropies: 1e-3, fci: 1e-4 };

export class NotTheSame extends Error {
  override readonly name = 'NotTheSame';
  constructor(directory: string, differences: Differences) {
    super(
      `${directory}: ours and transformers differ by ${inWords(differences)}; asked for is at most ${inWords(TOLERANCES)}`,
    );
  }
}

/** Both compute in fp32, one after the other. Resolves with the largest differences in words, or rejects with `NotTheSame`. */
export async function compareWithTransformers(directory: string, rows: readonly ScoredRow[]): Promise<string> {
  const ours = await ourScores(directory, rows);
  const theirs = await theirScores(directory, rows);
  const farthest = (field: Field): number => Math.max(...ours.map((score, i) => apart(score[field], theirs[i][field])));
  const differences = { logProbs: farthest('logProbs'), entropies: farthest('entropies'), fci: farthest('fci') };
  if (!FIELDS.every((field) => differences[field] <= TOLERANCES[field])) throw new NotTheSame(directory, differences);
  return `${rows.length} responses: ${inWords(differences)} apart`;
}

async function ourScores(directory: string, rows: readonly ScoredRow[]): Promise<Score[]> {
  const { configJson, weights } = await inspectCheckpoint(directory);
  const engine = openInferenceEngine({ threads: THREADS });
  try {
    await engine.load({ id: directory, config: configJson, weights });
    return await engine.score(directory, rows);
  } finally {
    await engine.close();
  }
}

async function theirScores(directory: string, rows: readonly ScoredRow[]): Promise<Record<Field, number[]>[]> {
  const peer = await Peer.start('score.py');
  try {
    await peer.ask({ operation: 'load', name: directory, directory, threads: THREADS });
    const scores: Record<Field, number[]>[] = [];
    for (const { tokens, promptLength, stepRanges, thinkEndStep, delta } of rows) {
      const request = { tokens: [[...tokens]], promptLength, stepRanges, thinkEndStep, delta };
      const reply = await peer.ask<Record<Field, number[][]>>({ operation: 'score', name: directory, ...request });
      scores.push({ logProbs: reply.logProbs[0], entropies: reply.entropies[0], fci: reply.fci[0] });
    }
    return scores;
  } finally {
    await peer.close();
  }
}

/** NaN where they are not of the same length. */
function apart(ours: Float32Array, theirs: readonly number[]): number {
  if (ours.length !== theirs.length) return NaN;
  return ours.reduce((largest, value, i) => Math.max(largest, Math.abs(value - theirs[i])), 0);
}

function inWords({ logProbs, entropies, fci }: Differences): string {
  const shown = (value: number): string => value.toExponential(1);
  return `log-probs ${shown(logProbs)}, entropies ${shown(entropies)}, FCI ${shown(fci)}`;
}
