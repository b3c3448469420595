import { readArtifact, writeArtifact } from '../store/formats/artifacts.js';
import type { Verdict } from '../contracts/artifacts/verdict.js';
import { withHeartbeats, yieldToEvents, cancellable } from '../durability/heartbeat.js';
import { defineActivity } from './define-activity.js';
import { Judge, verifierOf } from '../services/judge.js';
import type { Journal } from '../durability/journal.js';
import { tokenizerOf } from '../services/policies.js';
import { readPrefixes } from '../services/batches.js';

/** Judged at the same time: enough for the processes of a verifier, and soon over when the activity is cancelled. */
const TOGETHER = 64;

/** Verdicts on whole paths: the kept part of the initial response and the new tokens. */
export const verify = defineActivity('verify', async (context, input) => {
  const { store, manifest, journal } = context;
  const tokenizer = await tokenizerOf(store, manifest.policy);
  const prefixes = await readPrefixes(store, input);
  const rollouts = input.branches ? await readArtifact(store, input.branches) : prefixes.initial;

  const judge = new Judge(await verifierOf(manifest, context), prefixes, tokenizer);
  const known = await KnownVerdicts.of(journal);
  const open = rollouts.flatMap((rollout, place) => (known.verdicts.has(place) ? [] : [{ rollout, place }]));
  const progress = () => ({ done: known.verdicts.size, total: rollouts.length });
  for (let start = 0; start < open.length; start += TOGETHER) {
    const judged = open
      .slice(start, start + TOGETHER)
      .map(async ({ rollout, place }) => known.add(place, await judge.verdict(rollout)));
    await cancellable(withHeartbeats('verify', Promise.all(judged), progress));
    await yieldToEvents();
  }
  const verdicts = rollouts.map((_, place) => known.verdicts.get(place)!);
  return {
    verdicts: await writeArtifact(store, 'verdicts', { verdicts }),
    count: verdicts.length,
    correct: verdicts.filter(({ reward }) => reward === 1).length,
  };
});

/** A verdict may take an hour: each is kept in the journal, so that the next attempt does not ask for it again. */
class KnownVerdicts {
  /** By place of the rollout. */
  readonly verdicts = new Map<number, Verdict>();
  #unsaved: (readonly [place: number, verdict: Verdict])[] = [];
  #saving: Promise<void> = Promise.resolve();

  private constructor(private readonly journal: Journal) {}

  static async of(journal: Journal): Promise<KnownVerdicts> {
    const known = new KnownVerdicts(journal);
    for (const record of await journal.records())
      for (const [place, verdict] of JSON.parse(record.toString()) as [number, Verdict][])
        known.verdicts.set(place, verdict);
    return known;
  }

  /** Resolves when it is in the journal. Those that come while others are written are one record. */
  add(place: number, verdict: Verdict): Promise<void> {
    this.verdicts.set(place, verdict);
    this.#unsaved.push([place, verdict]);
    return (this.#saving = this.#saving.then(() => this.#save()));
  }

  async #save(): Promise<void> {
    const unsaved = this.#unsaved;
    this.#unsaved = [];
    if (unsaved.length > 0) await this.journal.append(Buffer.from(JSON.stringify(unsaved)));
  }
}
