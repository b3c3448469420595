/** One rollout in flight. */
import { uniforms } from '../../../algorithm/random.js';
import type { Rollout, RolloutRequest } from '../../../contracts/engine/engine.js';

export class Row {
  /** Prefix and new tokens; the first `length` are known. */
  readonly tokens: Int32Array;
  length: number;
  readonly #prefixLength: number;
  readonly #uniforms: Float32Array;
  readonly #logProbs: Float32Array;
  #stopped = false;

  constructor(
    readonly request: RolloutRequest,
    private readonly chunk: number,
  ) {
    const { prefix, generated = new Int32Array(0), maxNewTokens } = request;
    this.#prefixLength = prefix.length;
    this.tokens = new Int32Array(prefix.length + maxNewTokens);
    this.tokens.set(prefix);
    this.tokens.set(generated.subarray(0, maxNewTokens), prefix.length);
    this.length = prefix.length + Math.min(generated.length, maxNewTokens);
    this.#logProbs = new Float32Array(maxNewTokens);
    const last = this.tokens[this.length - 1];
    this.#stopped = generated.length > 0 && request.stopIds.includes(last);
    this.#uniforms =
      request.uniforms.kind === 'given'
        ? Float32Array.from(request.uniforms.values)
        : uniforms(request.uniforms.key, 0, maxNewTokens);
  }

  /** Absolute position of the first token whose chunk has not been completed. */
  get start(): number {
    return Math.floor((this.length - 1) / this.chunk) * this.chunk;
  }

  /** Place of the last known token in its chunk: where sampling goes on. */
  get place(): number {
    return this.length - 1 - this.start;
  }

  /** Number of whole blocks before `start`. */
  get blocks(): number {
    return this.start / this.chunk;
  }

  /** Tokens before the row's chunk and in its first `places` places. */
  prefix(places = 0): Int32Array {
    return this.tokens.subarray(0, this.start + places);
  }

  /** How many more tokens may be sampled. */
  get budget(): number {
    return this.#stopped ? 0 : this.tokens.length - this.length;
  }

  get done(): boolean {
    return this.budget === 0;
  }

  get newTokens(): number {
    return this.length - this.#prefixLength;
  }

  /** What the logits are divided by. */
  get temperature(): number {
    return this.#greedy ? 1 : this.request.temperature;
  }

  /** How many of the most probable tokens are drawn from; 0: all. The most probable alone at temperature 0. */
  get topK(): number {
    return this.#greedy ? 1 : (this.request.topK ?? 0);
  }

  /** How much of the distribution is drawn from; 1: all. */
  get topP(): number {
    return this.request.topP ?? 1;
  }

  get #greedy(): boolean {
    return this.request.temperature === 0;
  }

  /** The uniform number that decides the token at an absolute position; 0 behind the end, where none is needed. */
  uniform(position: number): number {
    if (this.#greedy) return 0; // the first, should several be the most probable
    return this.#uniforms[position - this.#prefixLength] ?? 0;
  }

  push(token: number, logProb: number): void {
    this.#logProbs[this.newTokens] = logProb;
    this.tokens[this.length++] = token;
    this.#stopped = this.request.stopIds.includes(token);
  }

  /** @param from leaves out that many new tokens */
  rollout(from = 0): Rollout {
    return {
      tokens: this.tokens.slice(this.#prefixLength + from, this.length),
      logProbs: this.#logProbs.slice(from, this.newTokens),
      finished: this.#stopped,
    };
  }
}
