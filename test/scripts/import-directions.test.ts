/** The linter enforces who may import whom. */
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, it } from 'vitest';

const watched = [
  'boundaries/dependencies',
  'boundaries/no-unknown-dependencies',
  'no-restricted-imports',
  'no-restricted-properties',
];

let eslint: ESLint;
beforeAll(() => {
  eslint = new ESLint({
    ruleFilter: ({ ruleId }) => watched.includes(ruleId),
    // None of these rules needs types, which take long to read.
    overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  });
});

/** Rules that a statement breaks in a file of ours. */
async function broken(file: string, statement: string): Promise<(string | null)[]> {
  const [{ messages }] = await eslint.lintText(`${statement}\n`, { filePath: file });
  return messages.map(({ ruleId }) => ruleId);
}

describe('the linter', () => {
  it.each([
    ['algorithm/steps.ts', "import '../contracts/engine/engine.js';"],
    ['contracts/engine/engine.ts', "import '../../store/artifact-store.js';"],
    ['workflows/training.ts', "import '../activities/generate.js';"],
    ['workflows/training.ts', "import '../store/json.js';"],
    ['policy/onnx/graph.ts', "import '../../tasks/math/answer.js';"],
    ['policy/onnx/graph.ts', "import '../../store/local-artifact-store.js';"],
    ['tasks/math/answer.ts', "import '../../policy/onnx/graph.js';"],
    ['store/json.ts', "import '../services/policies.js';"],
    ['iteration/trees.ts', "import '../durability/heartbeat.js';"],
    ['iteration/trees.ts', "import '../services/policies.js';"],
    ['iteration/trees.ts', "import '../store/artifact-store.js';"],
    ['durability/durable.ts', "import '../services/services.js';"],
    ['services/policies.ts', "import '../activities/generate.js';"],
    ['activities/generate.ts', "import '../workers/create-workers.js';"],
    ['activities/generate.ts', "import '../runs/audit/ledger.js';"],
    ['workers/create-workers.ts', "import '../cli/temporal-server.js';"],
    ['cli/temporal-server.ts', "import '../policy/onnx/graph.js';"],
    ['cli/temporal-server.ts', "import '../activities/generate.js';"],
    ['runs/audit/ledger.ts', "import '../../policy/onnx/graph.js';"],
    ['runs/audit/ledger.ts', "import '../../cli/audit.js';"],
  ])('refuses in %s: %s', async (file, statement) => {
    expect(await broken(file, statement)).toEqual(['boundaries/dependencies']);
  });

  it.each([
    ['algorithm/steps.ts', "import './random.js';"],
    ['contracts/engine/engine.ts', "import '../../algorithm/steps.js';"],
    ['workflows/training.ts', "import '../algorithm/steps.js';"],
    ['policy/onnx/graph.ts', "import '../../store/safetensors/file.js';"],
    ['activities/generate.ts', "import '../store/json.js';"],
    ['cli/temporal-server.ts', "import '../scripts/temporal-binary.mjs';"],
    ['runs/audit/ledger.ts', "import '../../services/policies.js';"],
    ['cli/audit.ts', "import '../runs/index.js';"],
    ['tools/golden/main.ts', "import '../../policy/onnx/graph.js';"],
    ['policy/onnx/runtime.ts', "import 'onnxruntime-node';"],
    ['durability/temporal-adapter.ts', "import '@temporalio/activity';"],
  ])('allows in %s: %s', async (file, statement) => {
    expect(await broken(file, statement)).toEqual([]);
  });

  it.each([
    ['algorithm/steps.ts', "import 'node:fs';"],
    ['workflows/training.ts', "import 'crypto';"],
    ['policy/onnx/graph.ts', "import 'onnxruntime-node';"],
    ['activities/generate.ts', "import 'onnxruntime-node';"],
    ['activities/prepare.ts', "import '@temporalio/activity';"],
    ['durability/temporal-adapter.ts', "import 'onnxruntime-node';"],
    ['cli/main.ts', "import '@temporalio/common/lib/time.js';"],
  ])('refuses in %s what the folder may not know: %s', async (file, statement) => {
    expect(await broken(file, statement)).toEqual(['no-restricted-imports']);
  });

  it.each([
    ['algorithm/steps.ts', 'Math.random();'],
    ['policy/onnx/graph.ts', 'Date.now();'],
    ['workflows/training.ts', 'Math.random();'],
  ])('refuses in %s: %s', async (file, statement) => {
    expect(await broken(file, statement)).toEqual(['no-restricted-properties']);
  });

  it('refuses an import of a file that no folder owns', async () => {
    expect(await broken('store/json.ts', "import '../vitest.config.js';")).toContain(
      'boundaries/no-unknown-dependencies',
    );
  });
});
