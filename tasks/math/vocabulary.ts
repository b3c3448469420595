/** The commands that an answer may hold. Any other is not understood, and the answer is compared by its spelling. */

/** Functions of one argument that is written behind them, with or without brackets. */
export const FUNCTIONS: ReadonlySet<string> = new Set([
  ...['sin', 'cos', 'tan', 'cot', 'sec', 'csc', 'arcsin', 'arccos', 'arctan'],
  ...['sinh', 'cosh', 'tanh', 'ln', 'log', 'exp', 'lg'],
]);

/** Also understood without the backslash. */
export const WORDS: Readonly<Record<string, string>> = {
  ...Object.fromEntries([...FUNCTIONS].map((name) => [name, name])),
  sqrt: 'sqrt',
  pi: 'pi',
  Pi: 'pi',
  inf: 'infty',
  infty: 'infty',
  infinity: 'infty',
  asin: 'arcsin',
  acos: 'arccos',
  atan: 'arctan',
};

/** Commands that stand for one letter. */
export const SYMBOLS: ReadonlySet<string> = new Set(
  (
    'alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi omicron rho varrho ' +
    'sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega ' +
    'pi infty ell hbar partial nabla odot oplus star prime angle triangle max min ldots dots cdots vdots ddots'
  ).split(' '),
);

/** Marks on a letter: together they are one symbol. */
export const ACCENTS: ReadonlySet<string> = new Set([
  ...['vec', 'hat', 'bar', 'dot', 'ddot', 'tilde', 'overline', 'widehat', 'widetilde', 'overrightarrow'],
  ...['mathbb', 'mathcal', 'mathfrak', 'mathscr'],
]);

/** Signs and commands between the sides of a relation, and what they are called here. */
export const RELATIONS: Readonly<Record<string, string>> = {
  '=': '=',
  '<': '<',
  '>': '>',
  le: '<=',
  leq: '<=',
  leqslant: '<=',
  leqq: '<=',
  ge: '>=',
  geq: '>=',
  geqslant: '>=',
  geqq: '>=',
  lt: '<',
  gt: '>',
  ne: '!=',
  neq: '!=',
  approx: '=',
  equiv: '==',
  in: 'in',
  mid: '|',
};

/** Units of two and three letters that answers hold without `\text`; longer words are never products of letters. */
export const SHORT_UNITS: ReadonlySet<string> = new Set(
  'km cm mm nm kg mg lb lbs oz ft yd mi mph hr hrs min sec ms Hz kHz MHz GHz eV keV MeV kJ kW Pa kPa mol deg rad sq'.split(
    ' ',
  ),
);
