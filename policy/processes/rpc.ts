/**
 * Calls to a child process: one message per request, progress, reply. Typed arrays travel as they are (structured clone).
 * The child is needed because `session.run` blocks its thread, which must not be the one that heartbeats.
 */
import { AsyncResource } from 'node:async_hooks';
import { type ChildProcess, fork } from 'node:child_process';
import { inspect } from 'node:util';
import { EngineCrashed, type EngineEnd } from '../../contracts/errors/engine-errors.js';
import { passedOn } from './last-words.js';
import { watchSignsOfLife, sendSignsOfLife } from './signs-of-life.js';
import { placeOf, type SentError, toSent } from './sent-error.js';

interface CallMessage {
  readonly call: number;
  readonly method: string;
  readonly argument: unknown;
}
interface CancelMessage {
  readonly cancel: number;
}
/** A progress has been taken in. */
interface TakenMessage {
  readonly taken: number;
}
type ToChild = CallMessage | CancelMessage | TakenMessage;

type AboutCall =
  | { readonly call: number; readonly result: unknown }
  | { readonly call: number; readonly error: SentError }
  | { readonly call: number; readonly progress: unknown; readonly number: number };
/** An exception that nothing in the child caught: it ends. */
interface UncaughtMessage {
  readonly uncaught: string;
}
type ToParent = AboutCall | UncaughtMessage;

export interface CallOptions {
  readonly onProgress?: (progress: never) => void | Promise<void>;
  /** Called each second while the child lives, whatever it is computing. */
  readonly onAlive?: () => void;
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: never) => void | Promise<void>) | undefined;
  readonly onAlive: (() => void) | undefined;
}

const PING = 'ping';
/**
 * A child collects its garbage by itself: threads that help it would have to wait for a core, since the children take all,
 * and it for them, 10 ms at a time.
 */
const NO_HELPERS = '--single-threaded-gc';
/** Errors name the source, not what it was compiled to. */
const SOURCE_MAPS = '--enable-source-maps';

/** The parent's side: starts the child on the first call and again after it has died. */
export class ChildCaller {
  #child?: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  /** When the ping under way was sent. */
  #pinged: number | undefined;

  constructor(
    private readonly entry: string,
    private readonly argument: string,
    private readonly revive: (error: SentError) => Error,
    private readonly env: NodeJS.ProcessEnv = process.env,
  ) {}

  /** Process id of the running child. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether a call is under way. */
  get busy(): boolean {
    return this.#pending.size > 0;
  }

  /**
   * Milliseconds for which the child has owed an answer to a ping, undefined without a child. Sends a ping where none is
   * under way: so it is known from the second question on. A graph that runs blocks the child's answers.
   */
  silence(): number | undefined {
    if (!this.#child) return undefined;
    if (this.#pinged === undefined) {
      this.#pinged = performance.now();
      const answered = (): void => void (this.#pinged = undefined);
      this.call(PING, undefined).then(answered, answered); // a child that died owes nothing
    }
    return performance.now() - this.#pinged;
  }

  /** Progress and signs of life are reported in the caller's async context, not in that of whoever started the child. */
  async call<Result>(
    method: string,
    argument: unknown,
    { onProgress, onAlive, signal }: CallOptions = {},
  ): Promise<Result> {
    const child = this.#running();
    const call = this.#next++;
    const cancel = (): void => tell(child, { cancel: call });
    try {
      return await new Promise<Result>((resolve, reject) => {
        this.#pending.set(call, {
          resolve: resolve as (result: unknown) => void,
          reject,
          onProgress: onProgress && AsyncResource.bind((progress: unknown) => onProgress(progress as never)),
          onAlive: onAlive && AsyncResource.bind(onAlive),
        });
        tell(child, { call, method, argument });
        if (signal?.aborted) cancel();
        else signal?.addEventListener('abort', cancel, { once: true });
      });
    } finally {
      this.#pending.delete(call);
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Ends the child; calls under way are rejected, the next one starts another child. */
  async close(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    this.#lose(child, { how: 'closed by its worker' });
    await exited;
  }

  #running(): ChildProcess {
    if (this.#child) return this.#child;
    const child = fork(this.entry, [this.argument], {
      env: this.env,
      execArgv: [...withoutScript(process.execArgv), NO_HELPERS, SOURCE_MAPS],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'pipe', 'ipc', 'pipe'],
    });
    const lastWords = passedOn(child.stderr!);
    watchSignsOfLife(child.stdio, () => this.#pending.forEach(({ onAlive }) => onAlive?.()));
    let exception: string | undefined;
    // An idle engine keeps nobody alive; a call under way does, through its listener's promise in the activity.
    this.#child = child;
    child.on('message', (message: ToParent) => {
      if ('uncaught' in message) exception = message.uncaught;
      else this.#receive(child, message);
    });
    // Not 'exit', which may come before the last of what it said.
    child.once('close', (code, signal) =>
      this.#lose(child, { how: signal ?? `exit code ${code}`, exception, lastWords: lastWords() }),
    );
    child.once('error', (error) => this.#lose(child, { how: error.message }));
    return child;
  }

  #receive(child: ChildProcess, message: AboutCall): void {
    const pending = this.#pending.get(message.call);
    if ('progress' in message) void this.#takeIn(child, message, pending);
    else if (!pending) return;
    else if ('error' in message) pending.reject(this.revive(message.error));
    else pending.resolve(message.result);
  }

  /** Answers when the caller is done with it: the child waits for that, so that it is never far ahead of what is kept. */
  async #takeIn(
    child: ChildProcess,
    { call, progress, number }: Extract<AboutCall, { progress: unknown }>,
    pending: Pending | undefined,
  ): Promise<void> {
    try {
      await pending?.onProgress?.(progress as never);
    } catch (error) {
      pending?.reject(error);
      tell(child, { cancel: call });
    }
    tell(child, { taken: number });
  }

  #lose(child: ChildProcess, end: EngineEnd): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    for (const { reject } of this.#pending.values()) reject(new EngineCrashed(end));
    this.#pending.clear();
  }
}

/** Node's own arguments, but not a program that was given as one (`node -e`). */
function withoutScript(argv: readonly string[]): string[] {
  const at = argv.findIndex((argument) => ['-e', '--eval', '-p', '--print', '-pe'].includes(argument));
  return at < 0 ? [...argv] : argv.toSpliced(at, 2);
}

/** A child that has died hears nothing, and its calls were rejected. */
function tell(child: ChildProcess, message: ToChild): void {
  if (child.connected) child.send(message, () => undefined);
}

/** What a method of the child gets beside its argument. */
export interface ServedCall {
  /** Resolves when the caller is done with it; to false where it had cancelled the call by then. */
  readonly progress: (progress: unknown) => Promise<boolean>;
  readonly signal: AbortSignal;
}
export type Methods = Readonly<Record<string, (argument: never, call: ServedCall) => Promise<unknown>>>;

/** The child's side: answers calls until the parent goes away. */
export function serve(methods: Methods): void {
  sendSignsOfLife();
  const calls = new Map<number, AbortController>();
  const untaken = new Map<number, { readonly signal: AbortSignal; readonly resolve: (goOn: boolean) => void }>();
  let sent = 0;
  // With a callback, a parent that has gone is no uncaught error; `disconnect` below ends this process.
  const send = (message: ToParent): void => void process.send?.(message, undefined, {}, () => undefined);
  process.on('message', (message: ToChild) => {
    if ('cancel' in message) {
      calls.get(message.cancel)?.abort();
      return;
    }
    if ('taken' in message) {
      const taken = untaken.get(message.taken);
      untaken.delete(message.taken);
      taken?.resolve(!taken.signal.aborted);
      return;
    }
    const { call, method, argument } = message;
    const controller = new AbortController();
    calls.set(call, controller);
    const { signal } = controller;
    const progress = (value: unknown): Promise<boolean> => {
      const number = sent++;
      send({ call, progress: value, number });
      return new Promise((resolve) => untaken.set(number, { signal, resolve }));
    };
    const served = { progress, signal };
    const run = method === PING ? () => Promise.resolve() : methods[method];
    run(argument as never, served)
      .then(
        (result) => send({ call, result }),
        (error: unknown) => send({ call, error: toSent(error) }),
      )
      .finally(() => calls.delete(call));
  });
  // As Node would end, after the parent has heard why.
  process.on('uncaughtException', (error: unknown) => {
    process.stderr.write(`${inspect(error)}\n`);
    const end = (): never => process.exit(1);
    const message: UncaughtMessage = { uncaught: described(error) };
    if (process.send) process.send(message, undefined, {}, end);
    else end();
  });
  // The parent died or let go: nothing here outlives it.
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole process group; the parent decides when the engine ends.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
}

function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = placeOf(error);
  return `${error.name}: ${error.message}${place === undefined ? '' : `, at ${place}`}`;
}
