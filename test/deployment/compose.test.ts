import { Ajv } from 'ajv';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROLES } from '../../contracts/protocol/queues.js';
import { createWorkers } from '../../workers/create-workers.js';
import { nullServices } from '../support/null-run.js';
import { ROOT } from '../support/process.js';
import { Temporal, withFolder } from '../support/temporal.js';
import { readCompose, readStages } from './compose.js';

const compose = readCompose();
const services = Object.entries(compose.services);

const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0;

it.runIf(hasCompose)('docker compose accepts the file, in every profile', () => {
  const profiles = ['production', 'development', 'encryption'].flatMap((name) => ['--profile', name]);
  execFileSync('docker', ['compose', ...profiles, 'config', '--quiet'], { cwd: ROOT });
});

it('the file is valid by the published schema, and a mistake in it would not be', () => {
  const text = readFileSync(new URL('./compose-spec.schema.json', import.meta.url), 'utf8');
  const { $schema: _, ...schema } = JSON.parse(text) as { $schema: string };
  const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
  const document = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as object;
  validate(document);
  expect(validate.errors).toBeNull();
  expect(validate({ ...document, services: { control: { image: 'attnrl', comand: ['node'] } } })).toBe(false);
});

it('every role is served, with a health check, an init process and the shared store', () => {
  for (const role of ROLES) {
    const service = compose.services[role];
    expect(service.command).toEqual(['node', `dist/workers/${role}.js`]);
    expect(service.init).toBe(true);
    expect(service.healthcheck?.test).toEqual(['CMD', 'node', 'dist/workers/check-health.js']);
    expect(service.volumes).toContain('store:/var/lib/attnrl');
    expect(service.profiles).toBeUndefined();
  }
});

it('images have versions, volumes have names, ports are published on loopback', () => {
  for (const [name, { image, build, volumes = [], ports = [] }] of services) {
    if (build === undefined) expect(image, name).toMatch(/:\d+\.\d+/);
    for (const volume of volumes) expect(Object.keys(compose.volumes), name).toContain(volume.split(':')[0]);
    for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
  }
});

it('what a service waits for exists, and has a health check where its health is waited for', () => {
  for (const [name, { depends_on = {} }] of services) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      expect(compose.services[other], `${name} -> ${other}`).toBeDefined();
      if (condition === 'service_healthy') expect(compose.services[other].healthcheck?.test, other).toBeDefined();
    }
  }
});

it('a container gets longer to stop than a worker takes at most', async () => {
  const temporal = await Temporal.start();
  await withFolder(async (folder) => {
    const { nativeConnection: connection, namespace = 'default' } = temporal.environment;
    const options = { connection, namespace, prefix: 'grace', workflowBundle: temporal.bundle };
    const workers = await createWorkers({ ...options, roles: ROLES, services: await nullServices(folder) });
    const limits = workers.map(({ options }) => options.shutdownForceTimeMs ?? options.shutdownGraceTimeMs);
    const running = workers.map((worker) => worker.run());
    workers.forEach((worker) => worker.shutdown());
    await Promise.all(running);
    for (const role of ROLES) {
      const grace = Number.parseInt(compose.services[role].stop_grace_period ?? '10s') * 1000;
      expect(grace, role).toBeGreaterThan(Math.max(...limits));
    }
  });
  await temporal.stop();
});

it('the image is built on glibc in stages, runs as a plain user, and starts node itself', () => {
  const stages = readStages();
  expect(stages.length).toBeGreaterThan(1);
  for (const [from] of stages) expect(from.rest).toMatch(/^node:(20|22|24)-\w+-slim( AS \w+)?$/);
  const image = stages.at(-1)!;
  expect(image.find(({ name }) => name === 'USER')?.rest).toBe('node');
  expect(image.find(({ name }) => name === 'HEALTHCHECK')?.rest).toContain('CMD ["node"');
  expect(JSON.parse(image.find(({ name }) => name === 'CMD')!.rest)).toEqual(['node', 'dist/workers/all-in-one.js']);
  const installs = stages.flat().filter(({ rest }) => rest.includes('npm ci'));
  expect(installs.map(({ rest }) => rest.includes('--omit=dev'))).toEqual([false, true]);
});

it('every command of ours runs a file of the build, and copies come from files that are there', () => {
  for (const [name, { build, command = [] }] of services)
    if (build !== undefined) expect(existsSync(join(ROOT, command[1])), name).toBe(true);
  for (const { name, rest } of readStages().flat()) {
    if (name !== 'COPY' || rest.includes('--from')) continue;
    for (const source of rest.split(' ').slice(0, -1)) expect(existsSync(join(ROOT, source)), source).toBe(true);
  }
});
