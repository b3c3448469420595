/** For measurements: what engine processes generate, written as they do so. Synchronous, so that a kill hides nothing. */
import { appendFileSync } from 'node:fs';
import type { Growth, RolloutRequest } from '../../contracts/engine/engine.js';

/** One line of the file: JSON. */
export interface TraceLine {
  readonly policy: string;
  /** Identity of the rollout, new tokens it had before the chunk and has after it, whether it ended. */
  readonly chunks: readonly (readonly [rollout: string, from: number, to: number, ended: boolean])[];
}

export type Trace = (policy: string, requests: readonly RolloutRequest[], grown: readonly Growth[]) => void;

export function traceTo(file: string): Trace {
  return (policy, requests, grown) => {
    if (grown.length === 0) return;
    const chunks = grown.map(
      ({ request, from, tokens, ended }) => [identity(requests[request]), from, from + tokens.length, ended] as const,
    );
    appendFileSync(file, `${JSON.stringify({ policy, chunks } satisfies TraceLine)}\n`);
  };
}

function identity({ uniforms }: RolloutRequest): string {
  return uniforms.kind === 'counter' ? Object.values(uniforms.key).join('/') : 'given';
}
