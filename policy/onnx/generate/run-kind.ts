/** What a graph of the decode loop is made for: one kind of run, or any, which each run is then told. */
import type { Graph, Shape, Value } from '../graph.js';
import { ifElse } from '../operators.js';

/** 'any': each run says it (`run-choices.ts`), and may also be one that only prefills. */
export type DecodeKind = 'any' | RunKind;

export interface RunKind {
  /** Rows may have top-k or top-p. */
  readonly truncates: boolean;
  /** Rows have prefixes of their own behind those that siblings share. */
  readonly own: boolean;
}

/** Whether a run does something: decided when the graph is made, or told to each run as a bool []. */
export type Choice = boolean | Value;

export interface KindChoices {
  readonly prefills: Choice;
  readonly hasOwn: Choice;
  readonly truncates: Choice;
}

/** As inputs of the graph where each run says it. */
export function choicesOf(g: Graph, kind: DecodeKind): KindChoices {
  if (kind !== 'any') return { prefills: false, hasOwn: kind.own, truncates: kind.truncates };
  const told = (name: string): Value => g.input(name, 'bool', []);
  return { prefills: told('prefills'), hasOwn: told('hasOwn'), truncates: told('truncates') };
}

/** What one of two parts of a graph gives. @param shapes see `ifElse` */
export function choose(
  g: Graph,
  choice: Choice,
  whenTrue: (branch: Graph) => readonly Value[],
  whenFalse: (branch: Graph) => readonly Value[],
  shapes?: readonly Shape[],
): readonly Value[] {
  if (typeof choice === 'boolean') return (choice ? whenTrue : whenFalse)(g);
  return ifElse(g, choice, whenTrue, whenFalse, shapes);
}
