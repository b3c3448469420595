/** A command as a child process whose output tells when it is up. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface ChildOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it prints when it is up; its groups come out as `matched`. */
  readonly until: RegExp;
}

export interface Child {
  readonly pid: number;
  readonly matched: RegExpExecArray;
  /** Both streams so far. */
  output(): string;
  /** Resolves at its end: the exit code, or the signal that killed it. */
  readonly exited: Promise<number | NodeJS.Signals | null>;
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** Rejects with all it said when it ends without having printed that. */
export async function startChild(command: readonly string[], { env, cwd = ROOT, until }: ChildOptions): Promise<Child> {
  const [program, ...args] = command;
  const { TEMPORAL_ADDRESS: _, ...inherited } = process.env;
  const child = spawn(program, args, { cwd, env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const exited = new Promise<number | NodeJS.Signals | null>((resolve, reject) =>
    child.once('error', reject).once('close', (code, signal) => resolve(code ?? signal)),
  );
  const up = new Promise<RegExpExecArray>((resolve) => {
    const read = (text: string): void => {
      output += text;
      const matched = until.exec(output);
      if (matched) resolve(matched);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
  });
  const matched = await Promise.race([
    up,
    exited.then((how) => {
      throw new Error(`${command.join(' ')} ended (${how}): ${output}`);
    }),
  ]);
  return {
    pid: child.pid!,
    matched,
    output: () => output,
    exited,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

/** Asks until the answer is there; the test's own time limit ends a wait in vain. */
export async function eventually<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
