import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { checkPromptEncoder } from '../../../services/input/checks.js';
import { factsOf } from '../../../services/input/model-facts.js';
import { SHIPPED_FACTS } from '../../../contracts/config/model-defaults.js';
import { inspectCheckpoint } from '../../../policy/model/checkpoint/inspect.js';

it('those of the shipped model are what its defaults are made for', async () => {
  const directory = resolve('models/straight-line');
  const { config } = await inspectCheckpoint(directory);
  expect(factsOf(config, await checkPromptEncoder(directory, []))).toEqual(SHIPPED_FACTS);
});
