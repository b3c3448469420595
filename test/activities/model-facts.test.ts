import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { checkPromptEncoder } from '../../activities/checks.js';
import { factsOf } from '../../activities/model-facts.js';
import { SHIPPED_FACTS } from '../../contracts/model-defaults.js';
import { inspectCheckpoint } from '../../policy/checkpoint/inspect.js';

it('those of the shipped model are what its defaults are made for', async () => {
  const directory = resolve('models/straight-line');
  const { config } = await inspectCheckpoint(directory);
  expect(factsOf(config, await checkPromptEncoder(directory, []))).toEqual(SHIPPED_FACTS);
});
