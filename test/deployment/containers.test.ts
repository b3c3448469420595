/** The commands of docker-compose.yml, run without Docker: in the image's folder, with the environment of the file. */
import { Client } from '@temporalio/client';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunForm } from '../../contracts/config/form.js';
import { dataConverter } from '../../contracts/protocol/payload-encryption.js';
import { ROLES } from '../../contracts/protocol/queues.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { eventually, startChild, type Child } from '../support/process.js';
import { Temporal, withFolder } from '../support/temporal.js';
import { TINY } from '../support/tiny-form.js';
import { readCompose, type Service } from './compose.js';
import { layOutImage } from './image.js';

const NAMESPACE = 'deployed';
const ENCRYPTION = { ATTNRL_PAYLOAD_KEYS: `test:${randomBytes(32).toString('base64')}` };

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

/** The service's environment; what is a container's own (host names, folders, ports) is this machine's. */
function environmentOf({ environment = {} }: Service, home: string, port: number): Record<string, string> {
  const set = Object.entries(environment).flatMap(([name, value]) => {
    const [, fallback = value] = /^\$\{\w+:-(.*)\}$/.exec(String(value)) ?? [];
    return value === null ? [] : [[name, String(fallback)]];
  });
  return {
    ...(Object.fromEntries(set) as Record<string, string>),
    TEMPORAL_ADDRESS: temporal.environment.address,
    ...ENCRYPTION,
    TEMPORAL_NAMESPACE: NAMESPACE,
    ATTNRL_HOME: home,
    ATTNRL_MONITOR: `127.0.0.1:${port}`,
  };
}

it(
  'the commands of the containers set up a server, get healthy, train, and stop in order',
  { timeout: 300_000 },
  async () => {
    await withFolder(async (folder) => {
      const { services } = readCompose();
      const [image, home] = [join(folder, 'app'), join(folder, 'home')];
      mkdirSync(image);
      layOutImage(image);
      expect(existsSync(join(image, 'node_modules/typescript'))).toBe(false);

      const setUp = services['setup-server'];
      expect(await run(setUp.command!, image, environmentOf(setUp, home, 0))).toBe(0);
      // Once more, as after a restart.
      expect(await run(setUp.command!, image, environmentOf(setUp, home, 0))).toBe(0);

      const workers: Child[] = [];
      try {
        const environments = await Promise.all(
          ROLES.map(async (role) => environmentOf(services[role], home, await freePort())),
        );
        for (const [i, role] of ROLES.entries())
          workers.push(
            await startChild(services[role].command!, { cwd: image, env: environments[i], until: /healthz/ }),
          );
        for (const [i, role] of ROLES.entries()) {
          const check = services[role].healthcheck!.test!.slice(1); // behind CMD
          await eventually(async () => ((await run(check, image, environments[i])) === 0 ? true : undefined));
        }
        const doctor = startChild(['node', 'dist/cli/main.js', 'doctor', '--json'], {
          cwd: image,
          env: environments[0],
          until: /^\[.*\]$/m,
        });
        const findings = JSON.parse((await doctor).matched[0]) as { check: string; state: string; found: string }[];
        expect(findings.filter(({ state }) => state === 'fail')).toEqual([]);
        expect(findings.map(({ found }) => found)).toEqual(
          expect.arrayContaining([
            'healthy',
            'on, keys test; the first encrypts',
            expect.stringMatching(/^1 worker polls, last/),
          ]),
        );

        const { connection } = temporal.environment;
        const { workflow } = new Client({
          connection,
          namespace: NAMESPACE,
          dataConverter: dataConverter(ENCRYPTION)!,
        });
        const result = await workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
          workflowId: 'contained',
          taskQueue: 'attnrl-control',
          args: [TINY],
        });
        expect(result.iterations).toBe(1);
        expect(existsSync(join(result.modelFolder, 'model.safetensors'))).toBe(true);

        expect(await Promise.all(workers.map((worker) => worker.stop()))).toEqual(ROLES.map(() => 0));
        const check = services.control.healthcheck!.test!.slice(1);
        expect(await run(check, image, environments[0])).toBe(1);
      } finally {
        await Promise.all(workers.map((worker) => worker.stop('SIGKILL')));
      }
    });
  },
);

function run([program, ...args]: readonly string[], cwd: string, env: Record<string, string>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    spawn(program, args, { cwd, env: { PATH: process.env.PATH, ...env }, stdio: 'ignore' })
      .once('error', reject)
      .once('exit', resolve);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
