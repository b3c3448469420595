import { runForm, type FilledForm } from './form.js';
import type { InputProblem } from '../errors/run-errors.js';

/** Fills fixed defaults; a field that does not fit takes its default too, so that the rest can still be judged. */
export function fillDefaults(form: unknown): { filled: FilledForm; problems: InputProblem[] } {
  const problems: InputProblem[] = [];
  let rest: unknown = form ?? {};
  for (;;) {
    const parsed = runForm.safeParse(rest);
    if (parsed.success) return { filled: parsed.data, problems };
    const given = rest;
    rest = structuredClone(rest);
    for (const issue of parsed.error.issues) {
      const at = issue.path.filter((key) => typeof key !== 'symbol');
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          problems.push({ path: jsonPath([...at, key]), problem: 'unknown key' });
          remove(rest, [...at, key]);
        }
      } else {
        const path = jsonPath(at);
        // What lacks only what was refused and removed is told of already.
        if (!problems.some((known) => known.path.startsWith(`${path}.`)))
          problems.push({ path, problem: issue.message.replace(/^Invalid input: /, '') });
        // What is missing can't be removed: what lacks it goes.
        const present = presentPart(given, at);
        if (present.length === 0) rest = {};
        else remove(rest, present);
      }
    }
  }
}

/** `evaluation.sets[2]`. */
function jsonPath(keys: readonly (string | number)[]): string {
  return keys.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}

/** The part of a path that leads to a value. */
function presentPart(value: unknown, path: readonly (string | number)[]): readonly (string | number)[] {
  let holder = value;
  for (const [i, key] of path.entries()) {
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key)) return path.slice(0, i);
    holder = Reflect.get(holder, key);
  }
  return path;
}

/** Removes the value at a path; an element of a list takes the whole list with it, so that indices stay true. */
function remove(value: unknown, path: readonly (string | number)[]): void {
  let holder = value;
  for (const [i, key] of path.entries()) {
    if (typeof holder !== 'object' || holder === null) return;
    const last = i === path.length - 1 || typeof path[i + 1] === 'number';
    if (last) {
      Reflect.deleteProperty(holder, key);
      return;
    }
    holder = Reflect.get(holder, key);
  }
}
