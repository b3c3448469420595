import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RolloutRequest } from '../../contracts/engine.js';
import { dealOut } from '../../policy/engine/deal-out.js';

function request(maxNewTokens: number): RolloutRequest {
  return {
    prefix: Int32Array.of(1),
    uniforms: { kind: 'given', values: [] },
    maxNewTokens,
    temperature: 1,
    stopIds: [],
  };
}

describe('dealing requests out to processes', () => {
  it('keeps every request, in order, in at most so many parts', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 100 }), fc.integer({ min: 1, max: 8 }), (lengths, most) => {
        const requests = lengths.map(request);
        const parts = dealOut(requests, most);
        expect(parts.flat()).toEqual(requests);
        expect(parts.length).toBeLessThanOrEqual(most);
        expect(parts.every((part) => part.length > 0)).toBe(true);
      }),
    );
  });

  it('gives each the same work', () => {
    const parts = dealOut(
      Array.from({ length: 96 }, (_, i) => request(i < 32 ? 200 : 100)),
      2,
    );
    expect(parts.map((part) => part.length)).toEqual([32, 64]);
  });

  it('does not spread a few rows', () => {
    expect(dealOut([request(10), request(10), request(10)], 4)).toHaveLength(1);
  });
});
