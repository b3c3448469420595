import { expect, it } from 'vitest';
import type { ArtifactKind, ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { RunManifest } from '../../contracts/artifacts/run-manifest.js';
import { ArtifactMissing } from '../../store/artifact-store.js';
import { type Contents, readArtifact, writeArtifact } from '../../store/formats/artifacts.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { withFolder } from '../support/temporal.js';

it('a kind decides how an artifact is written and read', async () => {
  await withFolder(async (folder) => {
    const store = await LocalArtifactStore.open(folder);
    const verdicts = { verdicts: [{ reward: 1, reason: 'correct' }] } as const;
    expect(await readArtifact(store, await writeArtifact(store, 'verdicts', verdicts))).toEqual(verdicts);
    const scores = [
      { logProbs: Float32Array.of(-1, -2), entropies: Float32Array.of(0.5, 0), influence: Float32Array.of(0.25) },
    ].map((score) => ({ ...score, stepEnds: Int32Array.of(2) }));
    const ref = await writeArtifact(store, 'scores', scores);
    expect(ref.kind).toBe('scores');
    expect(await readArtifact(store, ref)).toEqual(scores);
  });
});

it('a manifest from before there was a choice says what was so', async () => {
  await withFolder(async (folder) => {
    const store = await LocalArtifactStore.open(folder);
    const written = { schema: 1, config: { seed: 7 } } as unknown as RunManifest;
    expect(await readArtifact(store, await writeArtifact(store, 'manifest', written))).toEqual({
      schema: 1,
      config: {
        seed: 7,
        learner: 'onnx',
        verifier: { name: 'math-in-process', secondsPerVerdict: 5, processes: 0 },
      },
    });
  });
});

it('a reference of a kind that there is not is one to something that is not there', async () => {
  await withFolder(async (folder) => {
    const store = await LocalArtifactStore.open(folder);
    const { sha256, bytes } = await writeArtifact(store, 'tree', { problems: [] });
    const forged = { sha256, bytes, kind: 'toString' as ArtifactKind } as ArtifactRef<keyof Contents>;
    await expect(readArtifact(store, forged)).rejects.toBeInstanceOf(ArtifactMissing);
  });
});
