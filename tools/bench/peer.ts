/** A peer as a long-lived child process: one JSON request line, one JSON reply line (tools/bench/peers/serve.py). */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { peerPython, PEERS } from './peer-environment.js';

const STDERR_SHOWN = 4000;

export class PeerFailed extends Error {
  override readonly name = 'PeerFailed';
  constructor(script: string, stderr: string) {
    super(`tools/bench/peers/${script} ended before it replied:\n${stderr.slice(-STDERR_SHOWN)}`);
  }
}

export class Peer {
  readonly #replies: AsyncIterator<string>;
  #stderr = '';

  private constructor(
    private readonly script: string,
    private readonly child: ChildProcessByStdio<Writable, Readable, Readable>,
  ) {
    this.#replies = createInterface(child.stdout)[Symbol.asyncIterator]();
    child.stdin.on('error', () => undefined); // a child that died is noticed by its missing reply
    child.stderr.on('data', (text: Buffer) => (this.#stderr = (this.#stderr + text.toString()).slice(-STDERR_SHOWN)));
  }

  /** @param script file in tools/bench/peers, run with the peers' Python */
  static async start(script: string): Promise<Peer> {
    return Peer.run(await peerPython(), script);
  }

  /** @param command runs scripts of the kind that `script` is */
  static run(command: string, script: string, args: readonly string[] = []): Peer {
    return new Peer(script, spawn(command, [join(PEERS, script), ...args], { stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  /** @throws PeerFailed where the process could not be started */
  get pid(): number {
    if (this.child.pid === undefined) throw new PeerFailed(this.script, this.#stderr);
    return this.child.pid;
  }

  /** One at a time. Rejects with `PeerFailed`. */
  async ask<Reply>(request: object): Promise<Reply> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const reply = await this.#replies.next();
    if (reply.done) throw new PeerFailed(this.script, this.#stderr);
    return JSON.parse(reply.value) as Reply;
  }

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.stdin.end();
    await exited;
  }
}
