/** What has been done in a home, so that the same command goes on behind it. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import { ifAbsent } from '../../../store/absent.js';
import type { Size } from './form.js';
import type { StepReport } from './report.js';

interface State {
  readonly model: string;
  readonly size: Size;
  /** Steps that passed. */
  readonly passed: readonly StepReport[];
  /** Workflow id of the training, since it was started. */
  readonly run?: string;
  /** What it was at when it was killed. */
  readonly killedIn?: string;
  /** SHA-256 of its last policy. */
  readonly policy?: string;
  /** Workflow id of the fork, since it was started. */
  readonly fork?: string;
}

export class OtherRunThere extends Error {
  override readonly name = 'OtherRunThere';
  constructor(home: string) {
    super(`${home} holds a run of another model or size: name another folder, or remove it`);
  }
}

export class Progress {
  private constructor(
    private readonly file: string,
    public state: State,
  ) {}

  /** Rejects with `OtherRunThere`. */
  static async open(home: string, model: string, size: Size): Promise<Progress> {
    const file = join(home, 'progress.json');
    const text = await readFile(file, 'utf8').catch(ifAbsent(undefined));
    if (text === undefined) return new Progress(file, { model, size, passed: [] });
    const state = JSON.parse(text) as State;
    if (state.model !== model || !isDeepStrictEqual(state.size, size)) throw new OtherRunThere(home);
    return new Progress(file, state);
  }

  async note(more: Partial<State>): Promise<void> {
    this.state = { ...this.state, ...more };
    const draft = `${this.file}.draft`;
    await writeFile(draft, `${JSON.stringify(this.state, null, 2)}\n`);
    await rename(draft, this.file);
  }
}
