import fc from 'fast-check';
import { expect, test } from 'vitest';
import { filterForUpdate } from '../../algorithm/update-filter.js';

const graded = fc.record({ rewards: fc.array(fc.constantFrom(0, 1)), lowInfluence: fc.boolean() });

test('what has both verdicts reaches the update, everything else has its reason, and V counts the paths of what is left', () => {
  fc.assert(
    fc.property(fc.array(graded), fc.boolean(), (problems, adaptive) => {
      const { dropped, leafPaths } = filterForUpdate(problems, adaptive);
      const left = problems.filter((_, i) => dropped[i] === null);
      expect(leafPaths).toBe(left.flatMap(({ rewards }) => rewards).length);
      problems.forEach(({ rewards, lowInfluence }, i) => {
        const [wrong, right] = [rewards.includes(0), rewards.includes(1)];
        if (lowInfluence) expect(dropped[i]).toBe('lowInfluence');
        else if (rewards.length === 0) expect(dropped[i]).toBe('noRows');
        else if (!adaptive || (wrong && right)) expect(dropped[i]).toBeNull();
        else expect(dropped[i]).toBe(right ? 'allCorrect' : 'allWrong');
      });
    }),
  );
});
