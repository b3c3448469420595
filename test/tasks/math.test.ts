/** When written answers are the same: pairs of every form, both ways round. */
import { expect, test } from 'vitest';
import { sameAnswer } from '../../tasks/math/answer.js';

const raw = String.raw;

test.each([
  [raw`\frac{-1}{1997}`, raw`-\frac{1}{1997}`],
  ['2^{-2/3}, 8', raw`8, \frac{1}{\sqrt[3]{4}}`],
  [raw`1\frac{4}{5}`, '1.8'],
  [raw`137 \frac{1}{2}`, '137.5'],
  ['(n-2) 2^{n}+1', 'n 2^n - 2^{n+1} + 1'],
  [raw`\frac{n(n+1)(2 n+1)}{6}`, raw`\frac{2n^3+3n^2+n}{6}`],
  [raw`\lceil n / 2\rceil+1`, raw`1+\left\lceil\frac{n}{2}\right\rceil`],
  [raw`\frac{100!}{2^{50}}`, '100!/2^{50}'],
  [raw`(4, \log _{10} 2)`, raw`(4,\log_{10}(2))`],
  [raw`-8-8\sqrt{3}i`, raw`-8(1+\sqrt{3} i)`],
  [raw`\frac{e^{t}} {3}+c e^{-2 t}`, raw`ce^{-2t}+\frac{1}{3}e^t`],
  [raw`\arcsin(1.3\sin(\theta_w))`, raw`\sin^{-1}(1.3 \sin \theta_w)`],
  [raw`\sqrt{2} \cos (2 t-\pi / 4)`, raw`\cos 2t + \sin 2t`],
  [raw`\{1\pm\sqrt{5},-2\}`, raw`1+\sqrt5, 1-\sqrt5, -2`],
  [raw`x \in [-2,7]`, '[-2,7]'],
  ['[-2,7]', raw`-2 \le x \le 7`],
  [raw`(-\infty,0]`, raw`x \leq 0`],
  [raw`(-\infty, 2) \cup (3, \infty)`, raw`(3,\infty)\cup(-\infty,2)`],
  ['5x - 7y + 11z + 4 = 0', '-5x+7y-11z=4'],
  ['y = -2x', '2x+y=0'],
  [raw`\frac{270}7\text{ degrees}`, raw`\frac{270}{7}^\circ`],
  [raw`864 \mbox{ inches}^2`, '864'],
  [raw`15\mbox{ cm}^2`, raw`15 \text{ square cm}`],
  [raw`11,\! 111,\! 111,\! 100`, '11111111100'],
  [raw`\$32,\!348`, '32348'],
  ['E_1, E_2', 'E_{2},E_{1}'],
  ['1.70e4', '17000'],
  [raw`1950^\circ C`, '1950'],
  [raw`\text{(C)}`, 'C'],
  [raw`\text{B,E}`, 'B, E'],
  ['E, B', raw`\text{B,E}`],
  ['f(x)=x,f(x)=-x', raw`f(x)=-x \text{ and } f(x)=x`],
  ['f(n)=n', 'n'],
  [raw`0.\overline{3}`, raw`\frac13`],
  [raw`\frac{a b}{2}`, '0.5ab'],
  [raw`\sqrt{4 \pi G \rho_{0} r_{0}^{2}}`, raw`2 r_0\sqrt{\pi G\rho_0}`],
  [
    raw`\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}`,
    raw`\begin{bmatrix} -\frac13 \\ \frac23 \\ \frac53 \end{bmatrix}`,
  ],
  ['4210_{5}', '4210_5'],
  [raw`3 \pm 2 \sqrt{2}`, raw`3-2\sqrt2, 3+2\sqrt2`],
  [raw`\frac{\sqrt{2}}{2}`, raw`\frac{1}{\sqrt{2}}`],
  [raw`\frac{3+2\sqrt{3}}{3}`, raw`1+\frac{2}{\sqrt3}`],
  [raw`\cot x`, raw`\frac{\cos x}{\sin x}`],
  ['2k+2', '2(k+1)'],
  ['6r^2-4r-24', '2(3r^2-2r-12)'],
  [raw`-\frac{1}{13} - \frac{5}{13}i`, raw`\frac{-1-5i}{13}`],
  ['(x-1)^3(x+1)^3', '(x^2-1)^3'],
  [raw`k \geqslant 2`, raw`k\ge2`],
  ['$221,$8$', '8, 221'],
  [raw`\frac{K-1}{L}`, raw`\frac{K}{L}-\frac1L`],
  [raw`$x=\frac{1}{6} \pi+\pi k$`, raw`\frac{\pi}{6}+k\pi`],
  [raw`\frac{d !}{2 k(d-k) !}`, raw`\frac{d!}{(d-k)!\,2k}`],
  [raw`\binom{2n}{n}`, raw`\frac{(2n)!}{n!^2}`],
  ['(a+5)(b+2)', 'ab+2a+5b+10'],
  [raw`125\%`, '1.25'],
  ['1:4', '1 : 4'],
  ['2:8', '1:4'],
  [raw`\frac{1}{2}x`, 'x/2'],
  ['1/2x', raw`\frac{x}{2}`],
  ['1/(2x)', raw`\frac{1}{2x}`],
  [raw`\tan^{-1} 2`, raw`\arctan(2)`],
  [raw`\sin^2 x`, raw`(\sin x)^2`],
  [raw`\ln\frac{a}{b}`, raw`\ln a-\ln b`],
  [raw`e^{i\pi/3}`, raw`\cos(\pi/3)+i\sin(\pi/3)`],
  ['|x-2|', '|2-x|'],
  [raw`3.2\times10^{-5}`, '0.000032'],
  ['.0000672', '6.72e-5'],
  [raw`6.72 \cdot 10^{-5}`, '.0000672'],
  [raw`14 \text{ right triangles}`, '14'],
  [raw`2 \text{ euros}`, '2'],
  [raw`\frac{11}{15}\text{ days}`, raw`\frac{11}{15}`],
  ['q = 3', '3'],
  ['x=3, y=4', 'y=4, x=3'],
  [raw`\text{Even}`, 'even'],
  ['-0', '0'],
  ['007', '7'],
  ['10^{100}', raw`10^{99}\cdot10`],
  [raw`\sqrt[3]{-8}`, '-2'],
  [raw`\left(\frac{1}{2}\right)^{10}`, raw`\frac{1}{1024}`],
  ['2(x+y)', '2x+2y'],
  ['(2)(3)', '6'],
  [raw`\mathbf{5}`, '5'],
  [raw`m n-\lfloor m / 2\rfloor`, raw`nm - \left\lfloor \frac{m}{2} \right\rfloor`],
  [raw`\frac{\log 2}{\log 2-\log 3}`, raw`\frac{\ln 2}{\ln(2/3)}`],
  ['x>3', raw`(3,\infty)`],
  ['1<x<2', '(1,2)'],
  ['y^2 - 4x - 6y + 9 = 0', '(y-3)^2=4x'],
  [raw`5\sqrt{3}\text{ units}`, raw`5\sqrt3`],
  ['1,i,-i', raw`\{1, i, -i\}`],
  [raw`\frac{990}{7}^\circ`, raw`\frac{990}{7}`],
  ['3 hours', '3'],
  [raw`3 \mathrm{~m/s}`, '3'],
  [raw`15000 \text{ kcal m}^{-2} \text{yr}^{-1}`, '15000'],
  [raw`\emptyset`, raw`\{\}`],
  [raw`\text{No solution}`, 'no solution'],
  [raw`A = \frac{1}{2}bh`, raw`\frac{bh}{2}`],
  ['(2,3),(4,5)', '(4,5),(2,3)'],
  [raw`\{(1,2),(3,4)\}`, '(3,4),(1,2)'],
  [raw`\frac{5\pi}{4}\sqrt{17}`, raw`\frac{5\sqrt{17}\pi}{4}`],
  ['0.333333', raw`\frac13`],
  ['1.414214', raw`\sqrt2`],
  [raw`\dfrac{\pi}{4}`, raw`\tfrac{\pi}4`],
  ['12 km', '12'],
  ['12km', '12'],
  [raw`\langle 1,2\rangle`, '(1,2)'],
  ['4!', '24'],
  [raw`\log_2 8`, '3'],
  [raw`\log_{2}{8}`, '3'],
  ['2^10', '1024'],
  [raw`\sin 30^\circ`, raw`\sin 30`],
  [raw`6,\! 000`, '6000'],
  [raw`\frac{x+2}{x-2}`, raw`\frac{-x-2}{2-x}`],
  [raw`\text{A}, \text{C}`, 'A,C'],
  [raw`\sqrt{x}\sqrt{y}`, raw`\sqrt{xy}`],
  ['5 \\\\', '5'],
  ['5:00', '05:00'],
  ['x=5', 'y=5'],
  ['x_1=2, x_2=3', 'x=3, x=2'],
  ['n=f(n), x=3', '3=x, f(n)=n'],
  [raw`x \in [-2,7]`, raw`-2 \le x \le 7`],
  [raw`x \in \{5,6\}`, '5,6'],
  [raw`(x,y) \in \{(1,2)\}`, '(1,2)'],
  ['36\\ ', '36'],
  [raw`{1 \over 2}`, raw`\frac12`],
  [raw`x = 1\over2`, raw`\frac12`],
  [raw`2^{1\over2}`, raw`\sqrt2`],
  [raw`{10 \choose 3}`, raw`\binom{10}{3}`],
  [raw`-50\%`, raw`-\frac12`],
  [raw`-12.5\%`, '-0.125'],
  [raw`(6,5)\text{ units}`, '(6,5)'],
  [raw`x \in [2,5)\text{ cm}^2`, '[2,5)'],
  [raw`(0,9) \cup (9,36)\text{ units}`, raw`(9,36)\cup(0,9)`],
  [raw`\text{90 degrees}`, '90'],
  [raw`\mathrm{-12 cm}`, '-12'],
  [raw`\text{1 and -2}`, '1,-2'],
  [raw`.\overline{3}`, raw`0.\overline{3}`],
  [raw`2\vert x-2\vert+1`, '2|x-2|+1'],
  [raw`\mid x-2\mid`, '|x-2|'],
  [raw`\operatorname{sin} x`, raw`\sin x`],
  [raw`\operatorname{ln} 2`, raw`\ln 2`],
  [raw`\Large\frac12`, raw`\nicefrac{1}{2}`],
  [raw`\left\lbrack 2,5 \right)`, '[2,5)'],
  [raw`\text{$(-\infty, 0) \cup\{1\}$.}`, raw`(-\infty, 0) \cup\{1\}`],
  ['--5', '5'],
  ['5{}', '5'],
  [raw`{-}\frac12`, raw`-\frac12`],
  [raw`\text{-}\frac12`, raw`-\frac12`],
  ['x==5', '5'],
  [raw`3{\frac{1}{4}}`, raw`3\frac14`],
  [raw`\{1\}\cup\{2,3\}`, raw`\{1,2,3\}`],
  [raw`[3,5)\cup[2,3)\cup(5,6)`, raw`(5,6)\cup[2,5)`],
  [raw`(-\infty,\infty)`, raw`\mathbb{R}`],
  [raw`(-\infty,2)\cup[2,\infty)`, raw`x\in\mathbb R`],
  [raw`\lfloor\log_2 n\rfloor`, raw`\left\lfloor\frac{\ln n}{\ln 2}\right\rfloor`],
])('%s is %s', (a, b) => {
  expect([sameAnswer(a, b), sameAnswer(b, a)]).toEqual([true, true]);
});

test('a letter behind a number is a unit where the truth is a number', () => {
  expect(['12 m', '-1.5 s', '12m', '12 x', '5+7 m'].map((answer) => sameAnswer(answer, '12'))).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
  expect(sameAnswer('12', '12 m')).toBe(false);
});

test('sets in sets, of any depth, cost no more than a part of a second', () => {
  const nested = (open: string, close: string, depth: number): string =>
    Array.from({ length: depth }, (_, i) => `${open}${i},`).join('') + '1' + close.repeat(depth);
  for (const depth of [3, 10, 40, 200]) {
    expect(sameAnswer(nested('\\{', '\\}', depth), nested('\\{', '\\}', depth + 1))).toBe(false);
    expect(sameAnswer(nested('(', ')', depth), nested('(', ')', depth + 1))).toBe(false);
  }
  const many = Array.from({ length: 60 }, (_, i) => `(${i},\\{${i},x,y\\})`);
  expect(sameAnswer(many.join(), [...many].reverse().join())).toBe(true);
});

test('fractions in fractions, of any depth, cost no more than a part of a second', () => {
  expect(sameAnswer('3\\frac'.repeat(300), '5')).toBe(false);
  expect(sameAnswer(`${'3\\frac{'.repeat(50)}1${'}2'.repeat(50)}`, '5')).toBe(false);
});

test('products of many letters cost no more than a part of a second', () => {
  expect(sameAnswer(`${'x'.repeat(900)}/${'x'.repeat(900)}+\\sin x`, 'x+1')).toBe(false);
  expect(sameAnswer('nm'.repeat(20), 'mn'.repeat(20))).toBe(true);
});

test('long answers cost no more than their length', () => {
  for (const piece of [
    '{',
    '\\text{',
    '1,',
    '\\frac1',
    ' ',
    '1 ',
    '-',
    '\\',
    '^',
    '}',
    '1*',
    '(',
    '/1',
    '|x',
    '\\{x,',
  ]) {
    for (const size of [1990, 400_000]) {
      const answer = piece.repeat(Math.ceil(size / piece.length));
      expect(sameAnswer(answer, '5')).toBe(false);
      expect(sameAnswer(answer, `${answer} `)).toBe(answer.trim() !== '');
    }
  }
});
