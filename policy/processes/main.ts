/** Entry point of the inference engine's process. Argument: EngineSettings as JSON. */
import { readEnvironment } from '../../contracts/environment.js';
import type { RolloutRequest, ScoreRequest } from '../../contracts/engine/engine.js';
import { InferenceHost } from './inference-host.js';
import { serve } from './rpc.js';
import type { EngineSettings, SharedPolicy } from './settings.js';
import { traceTo } from './trace.js';

interface GenerateArgument {
  readonly policy: SharedPolicy;
  readonly requests: RolloutRequest[];
  readonly background: boolean;
}

const { trace } = readEnvironment(process.env);
const host = new InferenceHost(
  JSON.parse(process.argv[2]) as EngineSettings,
  trace === undefined ? undefined : traceTo(trace),
);

serve({
  load: (policy: SharedPolicy) => host.load(policy),
  generate: ({ policy, requests, background }: GenerateArgument, call) =>
    host.generate(policy, requests, background, call),
  score: ({ policy, requests }: { policy: SharedPolicy; requests: ScoreRequest[] }, call) =>
    host.score(policy, requests, call),
});
