/** A run's state and what is read from it: pure. */
import { FIRST_PROBLEM } from '../algorithm/data-order.js';
import type { Prepared } from '../contracts/protocol/activities.js';
import type { RunForm } from '../contracts/config/form.js';
import { assertSmall, isSmall, MAX_STATE_BYTES } from '../contracts/protocol/result-size.js';
import type { EvaluationSummary, LedgerHead, RunSettings, RunState } from '../contracts/protocol/run.js';
import { UNSTEERED } from '../contracts/protocol/steering.js';

/** Kept beside the first. */
const RECENT_EVALUATIONS = 5;
/** Weight of the newest iteration in the pace: a new pace is believed after a few. */
const PACE_WEIGHT = 0.3;

/** A fork starts behind the record of its parent. */
export function firstState({ manifest, configHash, model, plan, policy, controller, start }: Prepared): RunState {
  return {
    manifest,
    configHash,
    model,
    plan,
    iteration: start?.iteration ?? 0,
    policy,
    controller,
    cursor: start?.cursor ?? FIRST_PROBLEM,
    pending: null,
    ledger: start?.record ?? null,
    provenance: null,
    recent: [],
    evaluations: [],
    steering: UNSTEERED,
    pace: null,
  };
}

export function settingsOf(form: RunForm, state: RunState | null): RunSettings {
  return {
    form,
    manifest: state?.manifest ?? null,
    configHash: state?.configHash ?? null,
    inForce: state && { iterations: state.plan.iterations, learningRate: state.steering.learningRate },
  };
}

export function ledgerHeadOf(state: RunState | null): LedgerHead {
  const { iteration: iterations = 0, ledger: record = null, policy = null } = state ?? {};
  return { iterations, record, policy };
}

/** In order of policy version: the first and the last few. */
export function withEvaluation(
  evaluations: readonly EvaluationSummary[],
  summary: EvaluationSummary,
): EvaluationSummary[] {
  const [first, ...later] = [...evaluations, summary].sort((a, b) => a.policyVersion - b.policyVersion);
  return first ? [first, ...later.slice(-RECENT_EVALUATIONS)] : [];
}

/** @param seconds that the newest iteration took */
export function paceAfter(seconds: number, pace: number | null): number {
  return pace === null ? seconds : pace + PACE_WEIGHT * (seconds - pace);
}

/**
 * What continue-as-new carries. What is only there to be looked at gives way; all of it is in the run's metrics.jsonl.
 * @throws ResultTooLarge
 */
export function carriedState(state: RunState): RunState {
  let { recent } = state;
  while (recent.length > 1 && !isSmall({ ...state, recent }, MAX_STATE_BYTES)) recent = recent.slice(1);
  const carried = { ...state, recent };
  assertSmall(carried, 'training state', MAX_STATE_BYTES);
  return carried;
}
