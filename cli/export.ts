import { Command } from 'commander';
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ifAbsent } from '../store/absent.js';
import { UsageError } from './errors.js';
import { openRun } from './run-store.js';
import { wholeNumber } from './whole-number.js';

export function exportCommand(): Command {
  return new Command('export')
    .description('write a policy of a run as a Hugging Face checkpoint')
    .argument('<run>', 'workflow id')
    .argument('<directory>', 'is made; must be empty if it is there')
    .option('--at <version>', 'updates that the policy has had; default: the newest', wholeNumber)
    .option('--json', 'the result as one JSON object')
    .action(exportRun);
}

async function exportRun(run: string, directory: string, { at, json }: { at?: number; json?: boolean }): Promise<void> {
  const target = resolve(directory);
  if (!(await isFree(target))) throw new UsageError(`${target} is not empty: name another directory`);
  const { exportPolicy, policyOf } = await import('../runs/index.js');
  const { store, files } = await openRun(run);
  const { version, policy } = await policyOf(store, files, at);
  await exportPolicy(store, policy, target);
  console.log(
    json
      ? JSON.stringify({ run, version, policy: policy.sha256, directory: target })
      : `policy ${version} of ${run}: ${target}`,
  );
}

async function isFree(directory: string): Promise<boolean> {
  return (await readdir(directory).catch(ifAbsent<string[]>([]))).length === 0;
}
