/** `npm start` whose development server is killed in the middle of the run: compiled (dist/). */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stopTemporalServer } from '../../cli/temporal-server.js';
import { startChild } from '../support/process.js';
import { withFolder } from '../support/temporal.js';
import { TINY } from '../support/tiny-form.js';

it('starts it again under its address, and the run ends as if nothing had been', { timeout: 300_000 }, async () => {
  await withFolder(async (home) => {
    const config = join(home, 'run.json');
    await writeFile(config, JSON.stringify({ ...TINY, iterations: 3 }));
    await writeFile(join(home, 'temporal.toml'), '[profile.default]\n');
    const server = async () =>
      JSON.parse(await readFile(join(home, 'temporal', 'server.json'), 'utf8')) as { pid: number; address: string };
    try {
      const train = await startChild(
        [process.execPath, 'dist/cli/main.js', 'train', '--json', '--new', '--config', config],
        {
          env: { ATTNRL_HOME: home, TEMPORAL_CONFIG_FILE: join(home, 'temporal.toml') },
          until: /"event":"iteration"/,
        },
      );
      const before = await server();
      process.kill(before.pid, 'SIGKILL');
      expect(await train.exited, train.output()).toBe(0);
      expect(train.output()).toContain('"text":"the Temporal server had died');
      expect(train.output()).toMatch(/"event":"result","iterations":3/);
      const after = await server();
      expect(after.address).toBe(before.address);
      expect(after.pid).not.toBe(before.pid);
    } finally {
      await stopTemporalServer(home);
    }
  });
});
