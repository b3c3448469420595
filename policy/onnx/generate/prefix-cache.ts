/**
 * Blocks of prompts and kept prefixes, each computed once however many siblings share it. The last of a prefix may be a
 * part of one: keys and values behind the prefix's end mean nothing.
 * A block is named by the tokens up to its end, through the id of the block before it.
 */
import type { Block } from './slots.js';

interface Entry {
  readonly id: number;
  readonly block: Block;
}

export class PrefixCache {
  readonly #entries = new Map<string, Entry>();
  #nextId = 1;
  #bytes = 0;

  constructor(
    private readonly chunk: number,
    private readonly maxBytes: number,
  ) {}

  /** Blocks known of the prefix, as far as they are known without a gap. */
  known(tokens: Int32Array): Block[] {
    const blocks: Block[] = [];
    let parent = 0;
    for (let i = 0; i * this.chunk < tokens.length; i++) {
      const key = this.#key(parent, tokens, i);
      const entry = this.#entries.get(key);
      if (!entry) break;
      // Used again: last in the order in which entries are dropped.
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      blocks.push(entry.block);
      parent = entry.id;
    }
    return blocks;
  }

  /** Keeps block `index`, the last of the tokens. @throws RangeError when those before it are not all known */
  put(tokens: Int32Array, index: number, block: Block): void {
    let parent = 0;
    for (let i = 0; i < index; i++) {
      const before = this.#entries.get(this.#key(parent, tokens, i));
      if (!before) throw new RangeError(`block ${i} of a prefix is not known, block ${index} cannot be kept`);
      parent = before.id;
    }
    const key = this.#key(parent, tokens, index);
    if (this.#entries.has(key)) return;
    this.#entries.set(key, { id: this.#nextId++, block });
    this.#bytes += bytes(block);
  }

  /** Drops what was not used for longest. Called between admissions, never while blocks are being put. */
  trim(): void {
    for (const [key, { block }] of this.#entries) {
      if (this.#bytes <= this.maxBytes) return;
      this.#entries.delete(key);
      this.#bytes -= bytes(block);
    }
  }

  #key(parent: number, tokens: Int32Array, index: number): string {
    return `${parent}:${tokens.subarray(index * this.chunk, (index + 1) * this.chunk).join()}`;
  }
}

function bytes(block: Block): number {
  return [...block.keys, ...block.values].reduce((sum, { byteLength }) => sum + byteLength, 0);
}
