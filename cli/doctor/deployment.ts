/** What `attnrl doctor` checks of a deployment: encryption of payloads, and the worker that ATTNRL_MONITOR names. */
import { readEnvironment } from '../../contracts/environment.js';
import { payloadCodec } from '../../contracts/protocol/payload-encryption.js';
import { monitorUrl } from '../../contracts/protocol/monitor-url.js';
import type { Finding } from './finding.js';
import { failureOf } from '../errors.js';

const MONITOR_LIMIT_MS = 5_000;

/** Whether what one worker encrypts can be read is seen here; that all have the same keys, they can only say themselves. */
export async function checkEncryption(): Promise<Finding> {
  const check = 'payload encryption';
  try {
    const codec = payloadCodec(process.env);
    if (!codec) return { check, state: 'ok', found: 'off (ATTNRL_PAYLOAD_KEYS is not set)' };
    const payload = { metadata: {}, data: Buffer.from('doctor') };
    const [read] = await codec.decode(await codec.encode([payload]));
    if (Buffer.from(read.data ?? []).toString() !== 'doctor') throw new Error('a payload did not come back');
    return { check, state: 'ok', found: `on, keys ${codec.keyIds.join(', ')}; the first encrypts` };
  } catch (error) {
    const remedy = 'correct ATTNRL_PAYLOAD_KEYS; a key is made by `openssl rand -base64 32`';
    return { check, state: 'fail', found: failureOf(error).message, remedy };
  }
}

/** Nothing to ask where the port is any free one. */
export async function checkMonitor(): Promise<Finding | undefined> {
  const { monitor } = readEnvironment(process.env);
  if (monitor.port === 0) return undefined;
  const url = `${monitorUrl(monitor)}/healthz`;
  const check = `worker ${url}`;
  const remedy = 'start the worker with this ATTNRL_MONITOR, and see what it printed';
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(MONITOR_LIMIT_MS) });
    const found = (await response.text()).trim();
    return response.ok ? { check, state: 'ok', found: 'healthy' } : { check, state: 'fail', found, remedy };
  } catch (error) {
    return { check, state: 'warn', found: `does not answer (${(error as Error).message})`, remedy };
  }
}
