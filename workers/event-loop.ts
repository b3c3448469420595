import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { EventLoopDelay } from '../contracts/protocol/worker-messages.js';

const RESOLUTION_MS = 10;

/** Starts to watch the event loop; the returned function tells the delays since. */
export function watchEventLoop(): () => EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // The histogram counts the resolution itself as delay.
  const late = (nanoseconds: number): number => Math.max(0, Math.round(nanoseconds / 1e4) / 100 - RESOLUTION_MS);
  return () => ({ mean: late(histogram.mean), p99: late(histogram.percentile(99)), max: late(histogram.max) });
}
