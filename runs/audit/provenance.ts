import type { IterationProvenance } from '../../contracts/artifacts/iteration-provenance.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import { difference, type Findings } from './findings.js';
import { readOr, type LedgerEntry } from './ledger.js';
import { recordOf, runHead, type RunFiles } from '../run-files.js';

/** The provenance of the run's iterations; each names its record. A fork's begins behind its parent's. */
export async function readProvenance(
  store: ArtifactStore,
  files: RunFiles,
  entries: readonly LedgerEntry[],
  findings: Findings,
): Promise<Map<number, IterationProvenance>> {
  const found = new Map<number, IterationProvenance>();
  // As the chain has them; where that, or a manifest, cannot be read, as the mirror does.
  const records = new Map([
    ...files.ledger.map((line) => [line.number, recordOf(line)] as const),
    ...entries.map(({ ref, record }) => [record.iteration, ref] as const),
  ]);
  const mirrored = new Map(files.ledger.map((line) => [line.number, line.provenance]));
  const first = files.ledger[0].number;
  let ref: IterationProvenance['previous'] = runHead(files).provenance;
  for (let iteration = files.ledger.at(-1)?.number ?? 0; iteration >= first; iteration -= 1) {
    if (ref === null) {
      findings.add('provenance', iteration, 'no provenance: its chain ends before it');
      ref = mirrored.get(iteration) ?? null;
      if (ref === null) continue;
    }
    const named = mirrored.get(iteration)?.sha256;
    if (named !== ref.sha256) findings.add('provenance', iteration, 'the mirror ledger.jsonl names another one');
    const provenance: IterationProvenance | undefined = await readOr(store, ref, (problem) =>
      findings.add('provenance', iteration, problem),
    );
    findings.done('provenance', iteration);
    if (provenance) {
      found.set(iteration, provenance);
      const { run, record } = provenance;
      const expected = { run: files.workflowId, iteration, record: records.get(iteration) ?? record };
      const differs = difference({ run, iteration: provenance.iteration, record }, expected);
      if (differs !== undefined) findings.add('provenance', iteration, `in the provenance ${differs}`);
    }
    ref = provenance ? provenance.previous : (mirrored.get(iteration - 1) ?? null);
  }
  if (ref !== null) findings.add('provenance', first, 'the first one follows another');
  return found;
}
