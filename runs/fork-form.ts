import { stepSettings } from '../contracts/config/run-config.js';
import type { RunForm } from '../contracts/config/form.js';
import type { LedgerEntry } from './audit/ledger.js';

/** What goes on behind an iteration as its run did: by its configuration, and the learning rate that was set by then. */
export function forkForm({ ref, record, manifest }: LedgerEntry): RunForm {
  const { sha256, bytes } = ref;
  const form = structuredClone(manifest.config) as RunForm;
  // `--set` finds each setting once, by its name of today.
  const { delta: _, ...branching } = form.branching ?? {};
  const set = record.steering.findLast(({ update }) => update === 'setLearningRate');
  const learningRate = set?.value ?? record.learningRate;
  return {
    ...form,
    steps: stepSettings(manifest.config),
    branching,
    ...(learningRate === null ? {} : { update: { ...form.update, learningRate } }),
    from: { record: { sha256, bytes, kind: 'iteration-record' } },
  };
}
