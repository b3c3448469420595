/** Exit code 0 when the worker at ATTNRL_MONITOR is healthy, for the health checks of containers; prints what it says. */
import { readEnvironment } from '../contracts/environment.js';

const { monitor } = readEnvironment(process.env);
if (monitor.port === 0) throw new Error('ATTNRL_MONITOR names no port to ask');
// A worker that listens on every address answers on loopback.
const host = ['0.0.0.0', '::'].includes(monitor.host) ? '127.0.0.1' : monitor.host;
const response = await fetch(`http://${host.includes(':') ? `[${host}]` : host}:${monitor.port}/healthz`);
console.log(await response.text());
process.exitCode = response.ok ? 0 : 1;
