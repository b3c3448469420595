import type { Display } from '../events.js';
import { lineOf } from './lines.js';

/** One line per event, for logs and pipes. */
export function plainDisplay(write: (line: string) => void): Display {
  return {
    show(event) {
      const line = lineOf(event);
      if (line !== undefined) write(line);
    },
    close: () => undefined,
  };
}

/** Every event as one line of JSON. */
export function jsonDisplay(write: (line: string) => void): Display {
  return { show: (event) => write(JSON.stringify(event)), close: () => undefined };
}
