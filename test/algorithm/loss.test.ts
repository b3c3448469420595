import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { policyLoss } from '../../algorithm/loss.js';
import type { PolicyLossTokens } from '../../algorithm/loss.js';

const settings = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3, klWeight: 0.05 };

interface Token {
  readonly logProb: number;
  readonly old: number;
  readonly ref: number;
  readonly advantage: number;
  readonly weight: number;
}

const logProb = fc.double({ min: -4, max: 0, noNaN: true });
const token: fc.Arbitrary<Token> = fc.record({
  logProb,
  old: logProb,
  ref: logProb,
  advantage: fc.oneof(fc.constant(0), fc.double({ min: -2, max: 2, noNaN: true })),
  weight: fc.nat(4),
});
const tokens = fc.array(token, { maxLength: 20 });

const columns = (rows: readonly Token[]): PolicyLossTokens => ({
  logProbs: rows.map((row) => row.logProb),
  oldLogProbs: rows.map((row) => row.old),
  refLogProbs: rows.map((row) => row.ref),
  advantages: rows.map((row) => row.advantage),
  weights: rows.map((row) => row.weight),
});
const one = (row: Partial<Token>) =>
  policyLoss(columns([{ logProb: 0, old: 0, ref: 0, advantage: 1, weight: 1, ...row }]), { ...settings, klWeight: 0 });

describe('the policy loss', () => {
  test('has the gradient that differences of the loss show', () => {
    fc.assert(
      fc.property(fc.array(token, { minLength: 1, maxLength: 6 }), (rows) => {
        const step = 1e-6;
        const { gradient } = policyLoss(columns(rows), settings);
        rows.forEach((row, t) => {
          const at = (shift: number) =>
            policyLoss(columns(rows.with(t, { ...row, logProb: row.logProb + shift })), settings);
          const [below, here, above] = [at(-step), at(0), at(step)];
          // At a kink of the clips there is no derivative to compare with.
          const smooth = [below, above].every(
            (near) => near.clipFraction === here.clipFraction && near.clipFractionLower === here.clipFractionLower,
          );
          if (smooth) expect(gradient[t]).toBeCloseTo((above.loss - below.loss) / (2 * step), 4);
        });
      }),
    );
  });

  test('counts a token of weight n like n tokens', () => {
    fc.assert(
      fc.property(tokens, (rows) => {
        const repeated = rows.flatMap((row) => new Array<Token>(row.weight).fill({ ...row, weight: 1 }));
        const weighted = policyLoss(columns(rows), settings);
        const written = policyLoss(columns(repeated), settings);
        expect(weighted.loss).toBeCloseTo(written.loss, 10);
        expect(weighted.clipFraction).toBeCloseTo(written.clipFraction, 10);
        expect(weighted.approxKl).toBeCloseTo(written.approxKl, 10);
      }),
    );
  });

  test('never looks at tokens of weight 0', () => {
    const rows: Token[] = [{ logProb: -1, old: -1.1, ref: -1, advantage: 1, weight: 1 }];
    const garbage = { logProb: NaN, old: Infinity, ref: -Infinity, advantage: NaN, weight: 0 };
    const clean = policyLoss(columns(rows), settings);
    const dirty = policyLoss(columns([...rows, garbage]), settings);
    expect(dirty).toEqual({ ...clean, gradient: Float64Array.from([...clean.gradient, 0]) });
  });

  test('of no tokens is zero', () => {
    expect(policyLoss(columns([]), settings)).toMatchObject({ loss: 0, kl: 0, approxKl: 0 });
  });

  test('clips higher ratios of good tokens and lower ratios of bad ones, and no others', () => {
    const high = one({ logProb: Math.log(1.5) });
    expect(high.clipFraction).toBeCloseTo(1, 6);
    expect(high.policyLoss).toBeCloseTo(-1.28, 6);
    expect(one({ logProb: Math.log(0.5) }).policyLoss).toBeCloseTo(-0.5, 6);
    expect(one({ logProb: Math.log(0.5), advantage: -1 }).policyLoss).toBeCloseTo(0.8, 6);
    expect(one({ logProb: Math.log(1.5), advantage: -1 }).policyLoss).toBeCloseTo(1.5, 6);
  });

  test('bounds the loss of bad tokens by the dual clip', () => {
    const { policyLoss: loss, clipFractionLower, gradient } = one({ logProb: Math.log(5), advantage: -1 });
    expect(loss).toBeCloseTo(3, 6);
    expect(clipFractionLower).toBeCloseTo(1, 6);
    expect(gradient[0]).toBe(0);
  });

  test('has no gradient where a log-ratio is clamped', () => {
    expect(Math.abs(one({ logProb: -30 }).gradient[0])).toBe(0);
  });

  test('stays finite for absurd ratios', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constantFrom(-1, 1), (difference, advantage) => {
        const result = policyLoss(
          columns([{ logProb: difference, old: 0, ref: -difference, advantage, weight: 1 }]),
          settings,
        );
        expect(Number.isFinite(result.loss)).toBe(true);
        expect(Math.abs(result.kl)).toBeLessThanOrEqual(10);
        expect(Number.isFinite(result.gradient[0])).toBe(true);
      }),
    );
  });
});
