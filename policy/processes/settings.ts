import type { PolicyFiles } from '../../contracts/engine/engine.js';
import type { SessionSettings } from '../onnx/runtime.js';

/** Settings of an engine process. */
export interface EngineSettings extends Pick<SessionSettings, 'provider' | 'weights' | 'limits'> {
  /** Most rollouts generated at the same time. */
  readonly slots: number;
  /** Tokens per run of the decode graph, K: a multiple of 16. Decides bits. */
  readonly chunk: number;
  /** Threads of one operator; changes speed, never bits. */
  readonly threads: number;
}

/** What one process takes of the settings to work with a policy that several processes share. */
export type EngineShare = Pick<EngineSettings, 'slots' | 'threads'>;

/** A policy, as a process opens it when it is asked to work with it. */
export interface SharedPolicy {
  readonly files: PolicyFiles;
  /** Left out: all of the settings. */
  readonly share?: EngineShare | undefined;
}
