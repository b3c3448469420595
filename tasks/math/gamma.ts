/** The gamma function: factorials between the integers. */
import { Complex } from 'complex.js';

/** Lanczos' approximation, g = 7, nine terms: 15 digits for Re z >= 1/2. */
const COEFFICIENTS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

export function gamma(z: Complex): Complex {
  if (z.re < 0.5)
    return new Complex(Math.PI, 0).div(
      z
        .mul(Math.PI)
        .sin()
        .mul(gamma(z.neg().add(1))),
    );
  const x = z.sub(1);
  const series = COEFFICIENTS.slice(1).reduce(
    (sum, coefficient, i) => sum.add(new Complex(coefficient, 0).div(x.add(i + 1))),
    new Complex(COEFFICIENTS[0], 0),
  );
  const t = x.add(7.5);
  return t
    .pow(x.add(0.5))
    .mul(t.neg().exp())
    .mul(series)
    .mul(Math.sqrt(2 * Math.PI));
}
