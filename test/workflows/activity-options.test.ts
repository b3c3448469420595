import { readdirSync, readFileSync } from 'node:fs';
import { msToNumber } from '@temporalio/common/lib/time.js';
import { describe, expect, it } from 'vitest';
import { ACTIVITY_OPTIONS } from '../../workflows/activity-options.js';

describe.each(Object.entries(ACTIVITY_OPTIONS))('activities of %s', (_, options) => {
  it('end: attempts, time per attempt, time in all', () => {
    const { startToCloseTimeout, scheduleToCloseTimeout, retry } = options;
    expect(retry.maximumAttempts).toBeGreaterThan(0);
    expect(retry.maximumAttempts).toBeLessThanOrEqual(100);
    expect(msToNumber(retry.maximumInterval)).toBeGreaterThan(0);
    expect(msToNumber(startToCloseTimeout)).toBeGreaterThan(0);
    expect(msToNumber(scheduleToCloseTimeout)).toBeGreaterThan(msToNumber(startToCloseTimeout));
  });

  it('are noticed when they die', () => {
    expect(msToNumber(options.heartbeatTimeout)).toBeGreaterThan(0);
    expect(msToNumber(options.heartbeatTimeout)).toBeLessThanOrEqual(120_000);
  });
});

it('every activity is called with these options', () => {
  const folder = new URL('../../workflows/', import.meta.url);
  const callers = readdirSync(folder).filter((file) =>
    readFileSync(new URL(file, folder), 'utf8').includes('proxyActivities'),
  );
  expect(callers).toEqual(['activities.ts']);
});
