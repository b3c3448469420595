import { readArtifact } from '../store/formats/artifacts.js';
import { createHash } from 'node:crypto';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { InferenceEngine, PolicyFiles } from '../contracts/engine/engine.js';
import type { PolicyArtifact } from '../contracts/artifacts/policy-artifact.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import { CHAT_TEMPLATE_FILE, chatTemplateOf, TemplatedPrompts } from '../policy/model/chat-template.js';
import { PolicyTokenizer } from '../policy/model/tokenizer.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { withHeartbeats } from '../durability/heartbeat.js';
import { getJson } from '../store/formats/io.js';
import type { Services } from './services.js';

/** The name under which engines keep a policy: its weights alone decide what it says. */
export function policyId(policy: PolicyArtifact): string {
  const [first, ...more] = policy.weights;
  if (first && more.length === 0) return first.ref.sha256;
  const shards = policy.weights.map(({ ref }) => ref.sha256).join();
  return createHash('sha256').update(shards).digest('hex');
}

export async function policyFiles(store: ArtifactStore, policy: PolicyArtifact): Promise<PolicyFiles> {
  return {
    id: policyId(policy),
    config: await readFile(store, policy, 'config.json'),
    weights: await Promise.all(policy.weights.map(({ ref }) => store.localPath(ref))),
  };
}

/** An engine with the policy loaded, ready for requests under the returned id. */
export async function loadedEngine(
  { store, engine }: Services,
  { config }: RunManifest,
  ref: ArtifactRef<'policy'>,
): Promise<{ engine: InferenceEngine; id: string; tokenizer: PolicyTokenizer }> {
  const policy = await readArtifact(store, ref);
  const opened = await withHeartbeats('open the engine', engine(config.engine));
  // Files that this process has not seen yet are hashed first.
  const load = async (): Promise<void> => opened.load(await policyFiles(store, policy));
  await withHeartbeats('load the policy', load());
  return { engine: opened, id: policyId(policy), tokenizer: await tokenizerOf(store, ref) };
}

const tokenizers = new Map<string, PolicyTokenizer>();

/** All policies of a run share their tokenizer's files; reading it once is enough. */
export async function tokenizerOf(store: ArtifactStore, ref: ArtifactRef<'policy'>): Promise<PolicyTokenizer> {
  const policy = await readArtifact(store, ref);
  const key = Object.values(policy.files)
    .map(({ sha256 }) => sha256)
    .join();
  let tokenizer = tokenizers.get(key);
  if (!tokenizer) {
    const [config, generationConfig, tokenizerFile, tokenizerConfig, chatTemplate] = await Promise.all([
      readFile(store, policy, 'config.json'),
      readFile(store, policy, 'generation_config.json'),
      readFile(store, policy, 'tokenizer.json'),
      readFile(store, policy, 'tokenizer_config.json'),
      chatTemplateFile(store, policy),
    ]);
    tokenizer = new PolicyTokenizer(
      { config, generationConfig, tokenizer: tokenizerFile, tokenizerConfig, chatTemplate },
      `policy ${ref.sha256}`,
    );
    tokenizers.set(key, tokenizer);
  }
  return tokenizer;
}

/** Prompts as the policy's model gets them. */
export async function promptsOf(store: ArtifactStore, ref: ArtifactRef<'policy'>): Promise<TemplatedPrompts> {
  const policy = await readArtifact(store, ref);
  const source = `policy ${ref.sha256}`;
  const text = await chatTemplateFile(store, policy);
  const template = chatTemplateOf(await readFile(store, policy, 'tokenizer_config.json'), text, source);
  return new TemplatedPrompts(await tokenizerOf(store, ref), template, source);
}

async function chatTemplateFile(store: ArtifactStore, policy: PolicyArtifact): Promise<string | undefined> {
  const { [CHAT_TEMPLATE_FILE]: file } = policy.files;
  return file && (await store.get(file)).toString();
}

async function readFile(store: ArtifactStore, policy: PolicyArtifact, name: string): Promise<unknown> {
  const ref = policy.files[name];
  return ref && getJson(store, ref);
}
