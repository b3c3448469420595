/** Entry point of the inference engine's process. Argument: EngineSettings as JSON. */
import { readEnvironment } from '../../contracts/environment.js';
import type { PolicyFiles, RolloutRequest, ScoreRequest } from '../../contracts/engine.js';
import { InferenceHost } from './inference-host.js';
import { serve } from './rpc.js';
import type { EngineSettings, EngineShare } from './settings.js';
import { traceTo } from './trace.js';

interface LoadArgument {
  readonly files: PolicyFiles;
  readonly share?: EngineShare;
}

interface GenerateArgument {
  readonly policyId: string;
  readonly requests: RolloutRequest[];
  readonly background: boolean;
}

const { trace } = readEnvironment(process.env);
const host = new InferenceHost(
  JSON.parse(process.argv[2]) as EngineSettings,
  trace === undefined ? undefined : traceTo(trace),
);

serve({
  load: ({ files, share }: LoadArgument) => host.load(files, share),
  generate: ({ policyId, requests, background }: GenerateArgument, call) =>
    host.generate(policyId, requests, background, call),
  score: ({ policyId, requests }: { policyId: string; requests: ScoreRequest[] }, call) =>
    host.score(policyId, requests, call),
});
