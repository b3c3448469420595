/** The `attnrl` command as users start it, with a home and a development server of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { descendantsOf } from './process-tree.js';

const COMMAND = fileURLToPath(new URL('../../../cli/main.js', import.meta.url));
const STDERR_SHOWN = 4000;

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  constructor(args: readonly string[], how: string, said: string) {
    super(`attnrl ${args.join(' ')} ended with ${how}: ${said.trim().slice(-STDERR_SHOWN)}`);
  }
}

export class Attnrl {
  readonly #env: NodeJS.ProcessEnv;
  #running: ChildProcess | undefined;
  #interrupted = false;

  /** @param home an existing folder */
  constructor(readonly home: string) {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(ATTNRL|TEMPORAL)_/.test(name) || name === 'ATTNRL_CACHE',
    );
    const configuration = join(home, 'temporal.toml');
    writeFileSync(configuration, '[profile.default]\n'); // instead of the user's, which may name a server
    this.#env = { ...Object.fromEntries(inherited), ATTNRL_HOME: home, TEMPORAL_CONFIG_FILE: configuration };
  }

  /**
   * Lines of JSON that the command prints. Rejects with `CommandFailed` where its exit code is another than 0.
   * @param onLine called with each; when it returns true, the command and all that it has started are killed, and the lines so far are the result
   */
  async run<Line>(args: readonly string[], onLine: (line: Line) => boolean = () => false): Promise<Line[]> {
    const child = spawn(process.execPath, [COMMAND, ...args, '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.#env,
    });
    this.#running = child;
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += text.toString()));
    const ended = new Promise<string | undefined>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
    });
    const lines: Line[] = [];
    let killed = false;
    for await (const text of createInterface(child.stdout)) {
      if (killed) continue; // the last one may be cut off
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (!onLine(line)) continue;
      killed = true;
      const victims = [child.pid!, ...(await descendantsOf(child.pid!))];
      for (const pid of victims) killIfThere(pid);
    }
    const how = await ended;
    this.#running = undefined;
    if (how !== undefined && !killed) throw new CommandFailed(args, how, said || JSON.stringify(lines.at(-1)));
    return lines;
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** As Ctrl-C: a run stays on the server. Resolves when the command has ended, if one runs. */
  async interrupt(): Promise<void> {
    this.#interrupted = true;
    const child = this.#running;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    await exited;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
