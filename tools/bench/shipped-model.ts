/** The model that comes with the project, which the default run trains. */
import { fileURLToPath } from 'node:url';
import type { PolicyFiles } from '../../contracts/engine/engine.js';
import { inspectCheckpoint } from '../../policy/model/checkpoint/inspect.js';

/** Seen from dist/bench. */
export const SHIPPED_MODEL = fileURLToPath(new URL('../../../models/straight-line', import.meta.url));

/** @throws InvalidCheckpoint */
export async function shippedPolicy(): Promise<PolicyFiles> {
  const { configJson, weights } = await inspectCheckpoint(SHIPPED_MODEL);
  return { id: 'shipped', config: configJson, weights };
}
