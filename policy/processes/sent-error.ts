/** Errors on their way from an engine's process to the one that asked it. */
import { fileURLToPath } from 'node:url';

/** Name and fields survive, so that the parent can make it again. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Thrown by JavaScript, the system or native code: their messages do not say what was being done. */
const UNEXPECTED: readonly string[] = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
];

/** V8's for a typed array that there is no memory for: no mistake, though of the name of one. */
const NO_MEMORY = 'Array buffer allocation failed';

export function toSent(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), fields: {} };
  const { name, stack } = error;
  const place = UNEXPECTED.includes(name) ? placeOf(error) : undefined;
  const message = place === undefined ? error.message : `${error.message}, at ${place}`;
  return {
    name: error.message === NO_MEMORY ? 'EngineOutOfMemory' : name,
    message,
    ...(stack === undefined ? {} : { stack }),
    fields: Object.fromEntries(Object.entries(error)),
  };
}

/** Of the sources, or of what they were compiled to. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/dist\/$/, '');
/** `at Slots.write (file:///…/slots.ts:90:12)`, or without a function. */
const FRAME = /^\s*at (?:async )?(?:(.*?) \()?(?:file:\/\/)?(\/.*?):(\d+):\d+\)?$/;

/** Where in this project an error was thrown: `Slots.write (policy/onnx/generate/slots.ts:90)`. */
export function placeOf({ stack = '' }: Error): string | undefined {
  for (const line of stack.split('\n')) {
    const [, caller, path, number] = FRAME.exec(line) ?? [];
    if (!path?.startsWith(ROOT) || path.includes('/node_modules/')) continue;
    const place = `${path.slice(ROOT.length).replace(/^dist\//, '')}:${number}`;
    return caller ? `${caller} (${place})` : place;
  }
  return undefined;
}
