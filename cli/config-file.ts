import { readFile } from 'node:fs/promises';
import type { RunForm } from '../contracts/config/form.js';
import { checkForm } from '../contracts/config/resolve.js';
import { InvalidConfig } from '../contracts/errors/run-errors.js';

/**
 * The configuration of a file (all defaults without one), with what the command line says instead. What is wrong with it by
 * itself is known before anything is started; model and task are looked at by the run's first activity, which also decides what is by the model.
 * @throws InvalidConfig
 */
export async function readForm(path: string | undefined, instead: Partial<RunForm>): Promise<RunForm> {
  const form = { ...(path === undefined ? {} : await readJson(path)), ...instead };
  checkForm(form);
  return form;
}

async function readJson(path: string): Promise<RunForm> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new InvalidConfig([{ path: '', problem: `${path} cannot be read: ${(error as Error).message}` }]);
  });
  try {
    return JSON.parse(text) as RunForm;
  } catch (error) {
    throw new InvalidConfig([{ path: '', problem: `${path} is not JSON: ${(error as Error).message}` }]);
  }
}
