/** Cuts a list of requests into parts of about equal work. */
import type { RolloutRequest } from '../../contracts/engine.js';

/** Fewer rows to a process cost more per row than another process gains. */
const MIN_ROWS = 4;

/** At most `most` parts, none empty, in the order of the requests: siblings, which follow one another, stay together. */
export function dealOut(requests: readonly RolloutRequest[], most: number): RolloutRequest[][] {
  const count = Math.max(1, Math.min(most, Math.floor(requests.length / MIN_ROWS)));
  const total = requests.reduce((sum, request) => sum + work(request), 0);
  const parts: RolloutRequest[][] = Array.from({ length: count }, () => []);
  let before = 0;
  for (const request of requests) {
    const middle = before + work(request) / 2;
    parts[Math.min(count - 1, Math.floor((middle / total) * count))].push(request);
    before += work(request);
  }
  return parts.filter((part) => part.length > 0);
}

/** Tokens still to be sampled, at most; at least one, so that every request counts. */
function work({ maxNewTokens, generated }: RolloutRequest): number {
  return Math.max(1, maxNewTokens - (generated?.length ?? 0));
}
