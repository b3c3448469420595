/** What a topic of golden cases is made of. */
import { z } from 'zod';
import type { GoldenEngines } from './engines.js';

export interface GoldenContext {
  /** Folder of the topic file; checkpoints lie beside it. */
  readonly directory: string;
  /** The model engine, opened at the first call. */
  readonly engines: () => Promise<GoldenEngines>;
}

/** Checks one case; returns its differences, none when it passes. */
export type CaseCheck = (goldenCase: unknown, context: GoldenContext) => Promise<string[]>;

/** The checks of a topic by the `kind` of its cases. */
export type Topic = Readonly<Record<string, CaseCheck>>;

/** A check that first reads the case by its schema; a case that does not fit is an error. */
export function checkCase<Case>(
  schema: z.ZodType<Case>,
  check: (goldenCase: Case, context: GoldenContext) => string[] | Promise<string[]>,
): CaseCheck {
  return async (goldenCase, context) => check(schema.parse(goldenCase), context);
}

/** A number; golden files write the ones that JSON lacks as text. */
export const real = z.union([z.number(), z.enum(['Infinity', '-Infinity', 'NaN']).transform(Number)]);
export const reals = z.array(real);
export const integers = z.array(z.int());
export const stepRanges = z.array(z.tuple([z.int(), z.int()]));
/** A verdict written as 0 or 1. */
export const bit = z.union([z.literal(0), z.literal(1)]);
