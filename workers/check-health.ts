/** Exit code 0 when the worker at ATTNRL_MONITOR is healthy, for the health checks of containers; prints what it says. */
import { readEnvironment } from '../contracts/environment.js';
import { monitorUrl } from '../contracts/protocol/monitor-url.js';

const { monitor } = readEnvironment(process.env);
if (monitor.port === 0) throw new Error('ATTNRL_MONITOR names no port to ask');
const response = await fetch(`${monitorUrl(monitor)}/healthz`);
console.log(await response.text());
process.exitCode = response.ok ? 0 : 1;
