/** Memory of this process without what is garbage: V8 collects old objects late, which looks like a leak. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Resident bytes after a full collection. */
export function residentMemory(): number {
  collectGarbage();
  return process.memoryUsage().rss;
}
