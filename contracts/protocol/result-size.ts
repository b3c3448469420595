import { ResultTooLarge } from '../errors/run-errors.js';

/** Activity results stay in the history of every run: ids, numbers and references only. Bytes of JSON. */
export const MAX_RESULT_BYTES = 4096;

/** A run's state is carried from run to run by continue-as-new. Bytes of JSON. */
export const MAX_STATE_BYTES = 10_240;

export function isSmall(value: unknown, limit: number): boolean {
  return bytesOf(value) <= limit;
}

/** @throws ResultTooLarge where the JSON form of `result` exceeds the limit. */
export function assertSmall(result: unknown, activity: string, limit = MAX_RESULT_BYTES): void {
  const bytes = bytesOf(result);
  if (bytes > limit) throw new ResultTooLarge(activity, bytes, limit);
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value) ?? '').length;
}
