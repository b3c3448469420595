/** What a record says of an iteration, compared with what follows; what differs is a finding. */
import { createHash } from 'node:crypto';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import { canonicalJson } from '../../contracts/artifacts/canonical-json.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import type { Arrays } from '../../store/formats/arrays.js';
import { getArrays, getJson } from '../../store/formats/io.js';
import { encodeJson } from '../../store/json.js';
import { encodeSafetensors } from '../../store/safetensors/safetensors.js';
import { difference, nameOf, type Check, type Findings } from './findings.js';

export class Comparison {
  constructor(
    private readonly store: ArtifactStore,
    private readonly iteration: number,
    private readonly findings: Findings,
  ) {}

  values(check: Check, actual: unknown, expected: unknown, what: string): void {
    const differs = difference(actual, expected);
    if (differs !== undefined) this.fail(check, `${what}: ${differs}`);
  }

  async json(check: Check, ref: ArtifactRef, expected: unknown): Promise<void> {
    if (sha256(encodeJson(expected)) === ref.sha256) return;
    const differs = difference(await getJson(this.store, ref), JSON.parse(canonicalJson(expected)));
    this.fail(check, `${nameOf(ref)} is not what follows: ${differs ?? 'its form differs'}`);
  }

  async arrays(check: Check, ref: ArtifactRef, expected: Arrays): Promise<void> {
    if (sha256(encodeSafetensors(expected)) === ref.sha256) return;
    const plain = (arrays: Arrays) =>
      Object.fromEntries(Object.entries(arrays).map(([name, data]) => [name, [...data]]));
    const differs = difference(plain(await getArrays(this.store, ref)), plain(expected));
    this.fail(check, `${nameOf(ref)} is not what follows: ${differs ?? 'its form differs'}`);
  }

  fail(check: Check, problem: string): void {
    this.findings.add(check, this.iteration, problem);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
