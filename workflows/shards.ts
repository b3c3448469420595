import { addStepCounts } from '../algorithm/step-counts.js';
import type { Generated, Joined, Scored, ShardRefs, Verified } from '../contracts/protocol/activities.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { RunPlan } from '../contracts/protocol/run.js';
import { shardsOf, type Shard } from '../contracts/protocol/shards.js';
import { activity } from './activities.js';

/** What a phase of generation made, whether in one shard or in many. */
export interface Sampled extends Omit<Joined, 'seconds'> {
  /** Of the slowest shard. */
  readonly seconds: { readonly generate: number; readonly verify: number; readonly score: number };
}

export interface Phase {
  readonly manifest: ArtifactRef<'manifest'>;
  readonly plan: RunPlan;
  readonly label: string;
  /** Initial responses of the batch: as many shards as these need; branches, of which there are more and shorter ones, get no more. */
  readonly responses: number;
  /** Problems or branch points. */
  readonly units: number;
}

export interface ShardSteps {
  readonly generate: (shard: Shard, label: string) => Promise<Generated>;
  readonly verify: (generated: Generated, label: string) => Promise<Verified>;
  readonly score: (generated: Generated, label: string) => Promise<Scored>;
}

/**
 * Generates, verifies and scores the rollouts of a phase in shards, each on a worker that is free. A shard goes on to its verdicts and
 * scores when it is generated, whatever the others do; all shards that one worker has share the slots of its engine.
 */
export async function inShards(
  { manifest, plan, label, responses, units }: Phase,
  { generate, verify, score }: ShardSteps,
): Promise<Sampled> {
  const shards = await Promise.all(
    shardsOf(responses, units, plan.rolloutsPerShard).map(async (shard) => {
      const name = shard.count === 1 ? label : `${label} · shard ${shard.index + 1} of ${shard.count}`;
      const generated = await generate(shard, name);
      const sized = `${name} · ${generated.count} rollouts, ${generated.tokens} tokens`;
      const [verified, scored] = await Promise.all([verify(generated, sized), score(generated, sized)]);
      return { generated, verified, scored };
    }),
  );
  const slowest = (seconds: (shard: (typeof shards)[number]) => number): number => Math.max(...shards.map(seconds));
  const seconds = {
    generate: slowest(({ generated }) => generated.seconds),
    verify: slowest(({ verified }) => verified.seconds),
    score: slowest(({ scored }) => scored.seconds),
  };
  const [only, ...others] = shards;
  if (others.length === 0) return { ...only.generated, ...only.verified, ...only.scored, seconds };

  const counts = shards.flatMap(({ scored }) => scored.steps ?? []);
  const steps = counts.length === shards.length ? { steps: counts.reduce(addStepCounts) } : {};
  const refs = shards.map(({ generated, verified, scored }): ShardRefs => ({
    rollouts: generated.rollouts,
    verdicts: verified.verdicts,
    scores: scored.scores,
  }));
  const joined = await activity('joinShards', `${label} · ${shards.length} shards`, { manifest, shards: refs }, plan);
  return { ...joined, ...steps, seconds };
}
