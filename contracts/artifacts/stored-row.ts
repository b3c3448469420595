import type { TrainingSequence } from '../engine/engine.js';

/** One problem's tree, packed, and how many leaf paths it stands for. */
export interface StoredRow {
  /** Place of the problem in its draw. */
  readonly problem: number;
  readonly paths: number;
  readonly sequence: TrainingSequence;
}
