/** Progress of the running activity, as its heartbeat shows it. */
export interface Progress {
  /** What is being done. */
  readonly doing: string;
  readonly done: number;
  readonly total: number;
  /** New tokens, where tokens are made. */
  readonly tokens?: number;
  /** Of the mini-batch under way, where that is known. */
  readonly microBatches?: { readonly done: number; readonly total: number };
  /** What keeps it from going on, where something does. */
  readonly waitsFor?: string;
  /** Name of the journal that holds what was done, where one is kept. */
  readonly journal?: string;
}
