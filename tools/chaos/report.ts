import Table from 'cli-table3';
import type { ChaosRun } from './training.js';

/** What is wrong; empty where the killed run is as good as the other. */
export function verdictOf(undisturbed: ChaosRun, disturbed: ChaosRun, kills: number, chunk: number): string[] {
  const checks: readonly (readonly [boolean, string])[] = [
    [disturbed.killed.length < kills, `only ${disturbed.killed.length} of ${kills} kills came before the run's end`],
    [disturbed.policy !== undisturbed.policy, 'the final policies differ'],
    [disturbed.ledger !== undisturbed.ledger, 'the ledgers differ'],
    [disturbed.generated.tokens !== undisturbed.generated.tokens, 'the runs have different numbers of tokens'],
    [undisturbed.generated.repeated > 0, 'tokens of the undisturbed run were generated twice'],
    [disturbed.generated.finishedTwice > 0, 'finished rollouts were generated again'],
    [
      disturbed.generated.mostRepeated > chunk,
      `more than a chunk (${chunk} tokens) of a rollout was generated again at once`,
    ],
  ];
  return checks.flatMap(([wrong, problem]) => (wrong ? [problem] : []));
}

export function chaosTable({
  undisturbed,
  disturbed,
  problems,
}: {
  undisturbed: ChaosRun;
  disturbed: ChaosRun;
  problems: readonly string[];
}): string {
  const table = new Table({ head: ['', 'undisturbed', 'killed'], style: { head: [], border: [] } });
  const row = (name: string, of: (run: ChaosRun) => string | number): void =>
    void table.push([name, of(undisturbed), of(disturbed)]);
  row('kills', ({ killed }) => killed.length);
  row('seconds', ({ seconds }) => seconds.toFixed(1));
  row('final policy', ({ policy }) => policy.slice(0, 16));
  row('ledger head', ({ ledger }) => ledger.slice(0, 16));
  row('rollouts', ({ generated }) => generated.rollouts);
  row('tokens', ({ generated }) => generated.tokens);
  row('tokens generated twice', ({ generated }) => generated.repeated);
  row('most of one rollout at once', ({ generated }) => generated.mostRepeated);
  row('finished rollouts generated twice', ({ generated }) => generated.finishedTwice);
  const verdict = problems.length === 0 ? 'the same bits, nothing lost' : problems.join('\n');
  return `${table.toString()}\n${verdict}`;
}
