import type { ListenAddress } from '../environment.js';

/** Where a process of this machine reaches what listens there: one that listens on every address answers on loopback. */
export function monitorUrl({ host, port }: ListenAddress): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`;
}
