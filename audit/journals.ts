import type { IterationJournal } from '../contracts/iteration-journal.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { difference, type Findings } from './findings.js';
import { readOr, type LedgerEntry } from './ledger.js';
import { runHead, type RunFiles } from './run-files.js';

/** The run's journals by iteration, newest first in the chain; each names its record. A fork's begin behind its parent's. */
export async function readJournals(
  store: ArtifactStore,
  files: RunFiles,
  entries: readonly LedgerEntry[],
  findings: Findings,
): Promise<Map<number, IterationJournal>> {
  const journals = new Map<number, IterationJournal>();
  const records = new Map(entries.map(({ ref, record }) => [record.iteration, ref]));
  const mirrored = new Map(files.ledger.map((line) => [line.number, line.journal]));
  const first = files.ledger[0].number;
  let ref: IterationJournal['previous'] = runHead(files).journal;
  for (let iteration = files.ledger.at(-1)?.number ?? 0; iteration >= first; iteration -= 1) {
    if (ref === null) {
      findings.add('journal', iteration, 'no journal: the chain of journals ends before it');
      ref = mirrored.get(iteration) ?? null;
      if (ref === null) continue;
    }
    const named = mirrored.get(iteration)?.sha256;
    if (named !== ref.sha256) findings.add('journal', iteration, 'the mirror ledger.jsonl names another journal');
    const journal = (await readOr(store, ref, (problem) => findings.add('journal', iteration, problem))) as
      IterationJournal | undefined;
    findings.done('journal', iteration);
    if (journal) {
      journals.set(iteration, journal);
      const { run, record } = journal;
      const expected = { run: files.run, iteration, record: records.get(iteration) ?? record };
      const differs = difference({ run, iteration: journal.iteration, record }, expected);
      if (differs !== undefined) findings.add('journal', iteration, `in the journal ${differs}`);
    }
    ref = journal ? journal.previous : (mirrored.get(iteration - 1) ?? null);
  }
  if (ref !== null) findings.add('journal', first, 'the first journal follows another one');
  return journals;
}
