import { InvalidArgumentError } from 'commander';

/** Parses an argument of the command line. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('it must be a whole number');
  return Number(text);
}
