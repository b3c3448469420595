/**
 * Makes sure that there is a Temporal server to start or to connect to. In this order: a server named by the
 * environment; `temporal` on PATH; the cached one; the SDK's own download; `go install`. One line each.
 */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { downloadTemporal } from './download-temporal.mjs';
import { goInstallTemporal } from './go-install-temporal.mjs';
import { SetupError, since, step } from './step.mjs';
import { cachedBinary, check, findTemporal } from './temporal-binary.mjs';

/**
 * @typedef {(target: string, env: NodeJS.ProcessEnv) => Promise<void>} Fetcher puts the binary at `target` or rejects
 * with a SetupError that gives the reason
 * @param {{ env?: NodeJS.ProcessEnv, fetchers?: Record<string, Fetcher>, report?: (outcome: string) => void }} options
 */
export async function obtainTemporal({
  env = process.env,
  fetchers = { "the SDK's download": downloadTemporal, 'go install': goInstallTemporal },
  report = (outcome) => {
    step('temporal', outcome);
  },
} = {}) {
  const address = configuredAddress(env);
  if (address !== undefined) {
    report(`server at ${address} (from the environment)`);
    return;
  }
  for (const { place, ...outcome } of await findTemporal(env)) {
    if (outcome.found) {
      report(`${place}: ${outcome.found.path} (server ${outcome.found.server})`);
      return;
    }
    report(`${place}: ${outcome.reason}`);
  }
  const target = cachedBinary(env);
  for (const [name, fetch] of Object.entries(fetchers)) {
    const start = performance.now();
    report(`${name}: trying …`);
    const reason = await fetch(target, env).then(() => undefined, reasonOf);
    const outcome = reason === undefined ? await check(name, target) : { reason };
    if ('found' in outcome && outcome.found) {
      report(`${name}: ${target} (server ${outcome.found.server}) in ${since(start)}`);
      return;
    }
    report(`${name}: ${'reason' in outcome ? outcome.reason : ''}`);
  }
  throw new SetupError(choices(target));
}

/** Whatever `@temporalio/envconfig` reads: TEMPORAL_ADDRESS, a profile, a configuration file. */
function configuredAddress(/** @type {NodeJS.ProcessEnv} */ env) {
  try {
    const variables = Object.fromEntries(Object.entries(env).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])));
    return loadClientConnectConfig({ overrideEnvVars: variables }).connectionOptions.address;
  } catch (error) {
    throw new SetupError(`the Temporal client configuration (TEMPORAL_… variables) is not usable: ${reasonOf(error)}`);
  }
}

function reasonOf(/** @type {unknown} */ error) {
  return error instanceof Error ? error.message : String(error);
}

function choices(/** @type {string} */ target) {
  return `no Temporal server. Do one of these, then run the command again:
  - install the Temporal CLI so that \`temporal --version\` works: https://docs.temporal.io/cli
  - put its executable at ${target}
  - install Go (https://go.dev/dl), and set-up builds the CLI by itself
  - name a server that runs: TEMPORAL_ADDRESS=host:port (and TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, …)`;
}
