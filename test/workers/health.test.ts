import { expect, it } from 'vitest';
import { checkHealth, type HealthSources } from '../../workers/health.js';

const polls = { options: { taskQueue: 'attnrl-rollout' }, getState: () => 'RUNNING' };

function sources(answer: () => Promise<unknown>, more: Partial<HealthSources> = {}): HealthSources {
  const connection = {
    withDeadline: <T>(_: number | Date, ask: () => Promise<T>) => ask(),
    workflowService: { getSystemInfo: answer },
  } as unknown as HealthSources['connection'];
  return { workers: [polls], connection, engines: () => ({}), ...more };
}
const answers = (): Promise<unknown> => Promise.resolve({});

it('is healthy when every queue is polled, the server answers and no engine is silent', async () => {
  const engines = () => ({ engine: 3_000, learner: undefined });
  expect(await checkHealth(sources(answers, { engines }))).toEqual({
    healthy: true,
    queues: { 'attnrl-rollout': 'RUNNING' },
    server: 'answers',
    engines: { engine: 'answers', learner: 'idle' },
  });
});

it.each<[string, HealthSources]>([
  ['no worker is there yet', sources(answers, { workers: [] })],
  ['a worker drains', sources(answers, { workers: [polls, { ...polls, getState: () => 'DRAINING' }] })],
  ['the server is away', sources(() => Promise.reject(new Error('connection refused')))],
  ['an engine is silent for minutes', sources(answers, { engines: () => ({ engine: 600_000 }) })],
])('is not healthy when %s', async (_, given) => {
  expect((await checkHealth(given)).healthy).toBe(false);
});

it('says what is wrong', async () => {
  const engines = () => ({ learner: 600_000 });
  const given = sources(() => Promise.reject(new Error('connection refused')), { engines });
  expect(await checkHealth(given)).toMatchObject({
    server: 'connection refused',
    engines: { learner: 'silent for 600 s' },
  });
});
