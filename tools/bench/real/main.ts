/** Real language models, beside what people would use for the same work: all in one run. */
import type { Row } from '../report.js';
import { BRANCHES, decode, ROLLOUTS } from './decode.js';
import { iteration } from './iteration.js';
import { load } from './load.js';
import { MEASURED, measuredModel, type MeasuredModel, type MeasuredName } from './model.js';
import { score } from './score.js';
import { update } from './update.js';

type Part = (model: MeasuredModel, show: (rows: readonly Row[]) => void) => Promise<void>;

const PARTS = {
  decode: (model, show) => decode(model, ROLLOUTS, show),
  branches: (model, show) => decode(model, BRANCHES, show),
  score,
  update,
  load,
  // Of the larger model it takes as long as all else.
  iteration: (model, show) => (model.name === 'smollm2-135m' ? iteration(model, show) : Promise.resolve()),
} as const satisfies Record<string, Part>;
export const REAL_PARTS = Object.keys(PARTS) as (keyof typeof PARTS)[];
export const REAL_MODELS = MEASURED;

export interface RealOptions {
  /** Left out: all. */
  readonly part?: (typeof REAL_PARTS)[number];
  /** Left out: all. */
  readonly model?: MeasuredName;
}

export async function real({ part, model }: RealOptions): Promise<Row[]> {
  const rows: Row[] = [];
  const show = (found: readonly Row[]): void => {
    rows.push(...found);
    for (const { case: name, metric, ours, peer, unit } of found)
      console.error(
        `${name} · ${metric}: ${ours.toPrecision(4)}${peer === null ? '' : ` beside ${peer.toPrecision(4)}`} ${unit}`,
      );
  };
  for (const name of model === undefined ? MEASURED : [model]) {
    const measured = await measuredModel(name);
    for (const one of part === undefined ? REAL_PARTS : [part]) await PARTS[one](measured, show);
  }
  return rows;
}
