/** A policy's sessions to generate with: one for each kind of run, or a single one that packs the weights once. */
import { Session, type SessionSettings } from '../runtime.js';
import { SessionPool } from '../session-pool.js';
import type { ModelConfig } from '../../model/config.js';
import { packsOnce } from '../../model/large.js';
import type { Weights } from '../../model/parameters.js';
import { decodeGraph } from './decode-graph.js';
import { prefillGraph } from './prefill-graph.js';
import type { DecodeKind, RunKind } from './run-kind.js';

export interface GeneratingSession {
  readonly session: Session;
  /** What its graph is made for. */
  readonly kind: DecodeKind | 'prefill';
}

/** @see RunKind */
export type GeneratingRun = 'prefill' | RunKind;

export class GeneratingSessions {
  readonly #opened = new SessionPool<GeneratingSession>();

  /** @param settings with `chunk`: tokens per run, K */
  constructor(
    private readonly config: ModelConfig,
    private readonly weights: Weights,
    private readonly settings: SessionSettings & { readonly chunk: number },
  ) {}

  /** Opened when it is first asked for. */
  for(run: GeneratingRun): Promise<GeneratingSession> {
    const { config, weights, settings } = this;
    const kind = packsOnce(config, settings) ? 'any' : run;
    return this.#opened.of(JSON.stringify(kind), async () => {
      const graph =
        kind === 'prefill'
          ? prefillGraph(config, weights, settings.chunk)
          : decodeGraph(config, weights, settings.chunk, kind);
      return { session: await Session.open(graph, settings), kind };
    });
  }

  close(): Promise<void> {
    return this.#opened.close();
  }
}
