/**
 * Straight-line programs: variables defined one after another by digits and earlier variables, arithmetic modulo 10.
 * As a problem: `e:4+1;s:e-e;z:e+s;y:z-0;y?`, which asks for the last variable.
 * A response works the lines out one per step, substituting and computing:
 * `<think>e:4+1>e5` "\n\n" `s:e5-e5>s0` "\n\n" … `</think>\boxed{5}`.
 */

export const OPERATORS = ['+', '-', '*'] as const;
export type Operator = (typeof OPERATORS)[number];

/** As many as a program may have lines, each one token of models/straight-line/tokenizer.json. */
export const VARIABLE_NAMES = Array.from('abcdeghkmnprsxyz');

/** A digit, or the index of an earlier line. */
export type Operand = { readonly digit: number } | { readonly line: number };

export interface Line {
  readonly name: string;
  readonly left: Operand;
  readonly operator: Operator;
  readonly right: Operand;
}

/** Never empty; names differ; a line refers only to lines before it. */
export type Program = readonly Line[];

/** How one thinks a fact `left operator right` (all digits) comes out. */
export type Arithmetic = (left: number, operator: Operator, right: number) => number;

export const trueArithmetic: Arithmetic = (left, operator, right) => {
  const value = operator === '+' ? left + right : operator === '-' ? left - right : left * right;
  return ((value % 10) + 10) % 10;
};

/** Value of each line's variable, a digit. */
export function evaluate(program: Program, arithmetic: Arithmetic): number[] {
  const values: number[] = [];
  const valueOf = (operand: Operand): number => ('digit' in operand ? operand.digit : values[operand.line]);
  for (const { left, operator, right } of program) values.push(arithmetic(valueOf(left), operator, valueOf(right)));
  return values;
}

/** The right answer. */
export function answerOf(program: Program): string {
  return `${evaluate(program, trueArithmetic)[program.length - 1]}`;
}

/** The prompt. */
export function renderProblem(program: Program): string {
  const show = (operand: Operand): string => ('digit' in operand ? `${operand.digit}` : program[operand.line].name);
  const lines = program.map(({ name, left, operator, right }) => `${name}:${show(left)}${operator}${show(right)};`);
  return `${lines.join('')}${program[program.length - 1].name}?`;
}

/** The response of someone who computes by `arithmetic`: consistent with it throughout, end of sequence left out. */
export function renderResponse(program: Program, arithmetic: Arithmetic): string {
  const values = evaluate(program, arithmetic);
  const show = (operand: Operand): string =>
    'digit' in operand ? `${operand.digit}` : `${program[operand.line].name}${values[operand.line]}`;
  const steps = program.map(
    ({ name, left, operator, right }, i) => `${name}:${show(left)}${operator}${show(right)}>${name}${values[i]}\n\n`,
  );
  return `<think>${steps.join('')}</think>\\boxed{${values[values.length - 1]}}`;
}

/** The program's text with variables renamed in order of definition: equal for programs that differ only in names. */
export function canonicalForm(program: Program): string {
  return renderProblem(program.map((line, i) => ({ ...line, name: `v${i} ` })));
}
