/** Prints the results of a topic. */
import type { CaseResult } from './run.js';

const SHOWN_DIFFERENCES = 3;

/** One line per difference of a failing case, then one line for the topic; debatable cases are counted apart. */
export function reportTopic(topic: string, results: readonly CaseResult[]): { passed: number; failed: number } {
  const debatable = results.filter((result) => result.debatable);
  const settled = results.filter((result) => !result.debatable);
  const failing = settled.filter(({ differences }) => differences.length > 0);
  for (const { id, differences } of failing) {
    for (const line of differences.slice(0, SHOWN_DIFFERENCES)) console.log(`  ${id}  ${line}`);
    const more = differences.length - SHOWN_DIFFERENCES;
    if (more > 0) console.log(`  ${id}  and ${more} more differences`);
  }
  const passed = settled.length - failing.length;
  const agreeing = debatable.filter(({ differences }) => differences.length === 0).length;
  const apart = debatable.length === 0 ? '' : ` (and ${agreeing} of ${debatable.length} debatable as the reference)`;
  console.log(`${topic}: ${passed} passed, ${failing.length} failed${apart}`);
  return { passed, failed: failing.length };
}
