/** A run as a user has it before them: started, watched, held, let on and looked up in Temporal's own UI. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunForm } from '../../contracts/config/form.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { LEDGER_HEAD_QUERY } from '../../contracts/protocol/steering.js';
import { CHROMIUM_MISSING, findChromium } from '../../scripts/chromium.mjs';
import { Gates } from '../support/gated-learner.js';
import { nullServices } from '../support/null-run.js';
import { Temporal, withFolder } from '../support/temporal.js';

const FORM: RunForm = {
  iterations: 6,
  sampling: { problemsPerIteration: 12 },
  evaluation: { every: 2, problemsPerSet: 8, samplesPerProblem: 2 },
};

let temporal: Temporal;
let browser: Browser;
beforeAll(async () => {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error(CHROMIUM_MISSING);
  temporal = await Temporal.start([], { ui: true });
  // Chromium's sandbox does not work for root, which tests in containers are; only our own UI is opened.
  browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
});
afterAll(() => Promise.all([browser?.close(), temporal?.stop()]));

async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.ATTNRL_SCREENSHOTS;
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

async function startInForm(page: Page, run: string, taskQueue: string): Promise<void> {
  const prefilled = new URLSearchParams({ workflowId: run, taskQueue, workflowType: 'training' });
  await page.goto(`${temporal.uiUrl}/namespaces/default/workflows/start-workflow?${prefilled.toString()}`);
  await page.locator('.cm-content:visible').first().click();
  await page.keyboard.insertText(JSON.stringify(FORM));
  await page.getByTestId('start-workflow').click(); // the editor formats the JSON when it is left, and the form moves
  await page.getByText('"iterations"').waitFor();
  await picture(page, 'start');
  const started = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.locator('[data-testid=start-workflow-button]:visible').click();
  expect((await started).ok()).toBe(true);
}

async function update(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'More Actions' }).first().click();
  await page.locator('[data-testid=update-button]:visible').click();
  const choice = page.locator('[data-testid=update-select-button]:visible');
  await choice.click();
  await page.locator('[role=option]:visible').getByText(name, { exact: true }).click();
  await page.locator('[data-testid=confirm-modal-button]:visible').click();
  await choice.waitFor({ state: 'hidden' });
}

/** The live details, which the UI renders in a frame; they are asked for when the page is loaded. */
async function seeDetails(page: Page, run: string, ...texts: readonly string[]): Promise<void> {
  const details = async (): Promise<string> => {
    await page.goto(`${temporal.uiUrl}/namespaces/default/workflows/${run}`);
    await page.getByTestId('user-metadata-tab').first().click();
    const frame = page.locator('iframe:visible').first();
    return frame.contentFrame().locator('table').first().innerText();
  };
  for (const text of texts) await expect.poll(details, { timeout: 60_000, interval: 1_000 }).toContain(text);
}

it('starts, shows, holds, goes on with and looks up a run', async () => {
  const gates = new Gates();
  const fourth = gates.close(3);
  await withFolder(async (folder) => {
    const services = await nullServices(folder, gates.learner);
    // A gate that stays closed would keep the workers from ending, and the reason from being told.
    await temporal.withWorkers(services, (taskQueue) => useRun(taskQueue, fourth).finally(fourth.open));
  });
  expect(gates.rates).toHaveLength(6);
});

async function useRun(taskQueue: string, fourth: ReturnType<Gates['close']>): Promise<void> {
  const run = 'attnrl-from-the-form';
  const handle = temporal.environment.client.workflow.getHandle<() => Promise<RunResult>>(run);
  const page = await browser.newPage({ viewport: { width: 1280, height: 1050 } });
  page.setDefaultTimeout(30_000);
  await startInForm(page, run, taskQueue);
  await fourth.at;
  await seeDetails(page, run, '3 of 6', 'learn-3');
  await picture(page, 'run');

  await update(page, 'pause');
  fourth.open();
  await seeDetails(page, run, 'paused');
  await picture(page, 'paused');
  expect(await handle.query(LEDGER_HEAD_QUERY)).toMatchObject({ iterations: 4 });

  await update(page, 'resume');
  expect((await handle.result()).iterations).toBe(6);
  await page.goto(`${temporal.uiUrl}/namespaces/default/workflows/${run}`);
  await page.getByText('Completed').first().waitFor();
  await page.getByText('commitIteration').first().waitFor();
  await picture(page, 'history');
  await page.close();
}
