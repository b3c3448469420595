/** Sampling with llama.cpp, by node-llama-cpp: `node llama.mjs FOLDER`, where FOLDER is what package.json was installed in. */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const { getLlama } = await import(pathToFileURL(join(process.argv[2], 'node_modules/node-llama-cpp/dist/index.js')));
/** Nothing is cut off. */
const SAMPLING = { temperature: 1, topK: 0, topP: 1, minP: 0, yieldEogToken: true };

let llama, model, context;
let sequences = [];

async function load({ path, threads }) {
  const started = performance.now();
  llama = await getLlama({ build: 'never', gpu: false, maxThreads: threads, logLevel: 'error' });
  model = await llama.loadModel({ modelPath: path });
  return { seconds: secondsSince(started) };
}

/** Room for so many rollouts of at most so many tokens each. */
async function open({ rollouts, length, threads }) {
  await context?.dispose();
  context = await model.createContext({
    sequences: rollouts,
    contextSize: length,
    batchSize: Math.max(512, rollouts),
    threads: { ideal: threads, min: threads },
    ignoreMemorySafetyChecks: true,
  });
  sequences = Array.from({ length: rollouts }, () => context.getSequence());
  return {};
}

/** Every rollout gets exactly newTokens tokens. */
async function generate({ prompts, siblings, newTokens, seed }) {
  for (const sequence of sequences) await sequence.clearHistory();
  const started = performance.now();
  if (siblings > 1) await Promise.all(prompts.map((prompt, i) => share(prompt.slice(0, -1), family(i, siblings))));
  const made = await Promise.all(
    prompts.flatMap((prompt, i) =>
      family(i, siblings).map((sequence, sibling) =>
        sample(sequence, siblings > 1 ? prompt.slice(-1) : prompt, newTokens, seed + i * siblings + sibling),
      ),
    ),
  );
  return { seconds: secondsSince(started), tokens: made.reduce((sum, count) => sum + count, 0) };
}

const family = (i, siblings) => sequences.slice(i * siblings, (i + 1) * siblings);

/** Sequences share nothing with each other, but the state of one can be put into the others. */
async function share(prefix, [first, ...others]) {
  await first.evaluateWithoutGeneratingNewTokens(prefix);
  const file = join(tmpdir(), `attnrl-bench-${process.pid}-${sequences.indexOf(first)}`);
  try {
    await first.saveStateToFile(file);
    for (const other of others) await other.loadStateFromFile(file, { acceptRisk: true });
  } finally {
    await rm(file, { force: true });
  }
}

async function sample(sequence, tokens, newTokens, seed) {
  let made = 0;
  for await (const _ of sequence.evaluate(tokens, { ...SAMPLING, seed })) if (++made === newTokens) break;
  return made;
}

function secondsSince(started) {
  return (performance.now() - started) / 1000;
}

const operations = { load, open, generate };
for await (const line of createInterface(process.stdin)) {
  const { operation, ...request } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await operations[operation](request))}\n`);
}
process.exit();
