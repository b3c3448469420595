import { GenerationInterrupted } from '../contracts/errors/engine-errors.js';
import type { GenerateProgress, Growth, InferenceEngine, Rollout, RolloutRequest } from '../contracts/engine/engine.js';
import { heartbeat, cancellable, cancellation } from '../durability/heartbeat.js';
import type { Progress } from '../durability/progress.js';
import { encodeRolloutProgress, joinRolloutProgress, type PartialRollout } from '../store/formats/rollout-progress.js';
import type { Journal } from '../durability/journal.js';

/**
 * Generates, and keeps in the journal after every chunk what came of it. An attempt finds there what earlier ones left: it asks
 * the engine for nothing that ended, and goes on behind what is half done. So a lost worker or engine costs each rollout in
 * flight the chunk that was not saved yet, and no more.
 */
export async function generateDurably(
  engine: InferenceEngine,
  policyId: string,
  requests: readonly RolloutRequest[],
  journal: Journal,
  { background = false }: { background?: boolean } = {},
): Promise<Rollout[]> {
  const kept = joinRolloutProgress(await journal.records(), requests.length);
  const open = requests.flatMap((_, i) => (kept[i].ended ? [] : [i]));
  const ended = requests.length - open.length;
  const keptTokens = kept.reduce((sum, one) => sum + (one.ended ? one.tokens.length : 0), 0);
  let saving: Promise<void> = Promise.resolve();
  let last: Progress = {
    doing: 'generate',
    done: ended,
    total: requests.length,
    tokens: keptTokens,
    ...(keptTokens > 0 && { journal: journal.name }),
  };

  /** Store first, then the heartbeat: what a heartbeat tells of is there. */
  const onProgress = ({ grown = [], done, tokens }: GenerateProgress): Promise<void> => {
    saving = saving.then(async () => {
      if (grown.length > 0)
        await journal.append(encodeRolloutProgress(grown.map((one) => ({ ...one, request: open[one.request] }))));
      last = { ...last, done: ended + done, tokens: keptTokens + tokens, journal: journal.name };
      heartbeat(last);
    });
    return saving;
  };

  const onAlive = (): void => heartbeat(last);

  const rollouts: Rollout[] = kept.map(({ tokens, logProbs, finished }) => ({ tokens, logProbs, finished }));
  if (open.length === 0) return rollouts;
  const continued = open.map((i) =>
    kept[i].tokens.length > 0 ? { ...requests[i], generated: kept[i].tokens } : requests[i],
  );
  const generated = await cancellable(
    engine
      .generate(policyId, continued, { onProgress, onAlive, signal: cancellation(), background })
      .catch(async (error: unknown) => {
        await saving;
        if (error instanceof GenerationInterrupted) await saveRest(journal, open, error.rollouts);
        throw error;
      }),
  );
  await saving; // of a chunk before the last: nothing may be written once the journal is given up
  open.forEach((i, at) => (rollouts[i] = behind(kept[i], generated[at])));
  return rollouts;
}

/** The engine knows the tokens that it was given, not their log-probs. */
function behind(kept: PartialRollout, { tokens, logProbs, finished }: Rollout): Rollout {
  const all = Float32Array.from(logProbs);
  all.set(kept.logProbs);
  return { tokens, logProbs: all, finished };
}

/** The engine was stopped in the middle of a chunk's report: what of it is not in the journal yet. */
async function saveRest(journal: Journal, open: readonly number[], rollouts: readonly Rollout[]): Promise<void> {
  const saved = joinRolloutProgress(await journal.records(), Math.max(...open) + 1);
  const grown = rollouts.flatMap(({ tokens, logProbs, finished }, at): Growth[] => {
    const from = saved[open[at]].tokens.length;
    if (tokens.length <= from) return [];
    const rest = { tokens: tokens.subarray(from), logProbs: logProbs.subarray(from) };
    return [{ request: open[at], from, ended: finished, finished, ...rest }];
  });
  if (grown.length > 0) await journal.append(encodeRolloutProgress(grown));
}
