/** The tasks of runs, each opened once for an audit. */
import { canonicalJson } from '../../contracts/artifacts/canonical-json.js';
import type { RunConfig } from '../../contracts/config/run-config.js';
import { openTask, type Task } from '../../tasks/task.js';

export type TaskOpener = (config: RunConfig) => Promise<Task>;

/** Opens each task once. */
export function taskOpener(): TaskOpener {
  const opened = new Map<string, Promise<Task>>();
  return ({ task }) => {
    const key = canonicalJson(task);
    const found = opened.get(key) ?? openTask(task.name, task.options, ['training']);
    opened.set(key, found);
    return found;
  };
}
