/** Cuts a list of requests into parts of about equal work. */

/**
 * At most `most` parts, none empty, in the order of the requests: siblings, which follow one another, stay together.
 * @param workOf a request, in tokens
 * @param least requests of a part, on average
 */
export function partition<Request>(
  requests: readonly Request[],
  most: number,
  workOf: (request: Request) => number,
  least: number,
): Request[][] {
  const count = Math.max(1, Math.min(most, Math.floor(requests.length / least)));
  const work = requests.map((request) => Math.max(1, workOf(request))); // so that every request counts
  const total = work.reduce((sum, tokens) => sum + tokens, 0);
  const parts: Request[][] = Array.from({ length: count }, () => []);
  let before = 0;
  requests.forEach((request, i) => {
    const middle = before + work[i] / 2;
    parts[Math.min(count - 1, Math.floor((middle / total) * count))].push(request);
    before += work[i];
  });
  return parts.filter((part) => part.length > 0);
}
