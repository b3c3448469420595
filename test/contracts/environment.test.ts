import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { InvalidEnvironment, readEnvironment } from '../../contracts/environment.js';
import { cacheFolder } from '../../scripts/cache.mjs';

it('listens on loopback when nothing is said', () => {
  expect(readEnvironment({}).monitor).toEqual({ host: '127.0.0.1', port: 0 });
});

it.each([
  ['0.0.0.0:9464', { host: '0.0.0.0', port: 9464 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['[::1]:9464', { host: '::1', port: 9464 }],
])('reads the address %s', (value, address) => {
  expect(readEnvironment({ ATTNRL_MONITOR: value }).monitor).toEqual(address);
});

it.each(['9464', ':9464', 'host', 'host:99999', '::1:9464'])('refuses the address "%s"', (value) => {
  expect(() => readEnvironment({ ATTNRL_MONITOR: value })).toThrow(InvalidEnvironment);
});

it('takes a variable that is set to nothing as one that is not set', () => {
  const names = ['HOME', 'QUEUE_PREFIX', 'TRACE', 'MONITOR', 'DEPLOYMENT', 'BUILD_ID'];
  const empty = Object.fromEntries(names.map((name) => [`ATTNRL_${name}`, '']));
  expect(readEnvironment(empty)).toEqual(readEnvironment({}));
  expect(readEnvironment(empty).home).toBe(resolve('.attnrl'));
  expect(cacheFolder({ ATTNRL_CACHE: '' })).toBe(cacheFolder({}));
});
