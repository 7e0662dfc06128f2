import { existsSync } from 'node:fs';
import { chatChunk, type ScriptedUpstream, scriptedUpstream } from 'ripstop/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from './harness.js';

/** Debian's Chromium. Where it is missing these tests are skipped, except in CI, where they fail. */
const executablePath = '/usr/bin/chromium';
const missing = !existsSync(executablePath) && process.env['CI'] === undefined;

describe.skipIf(missing)(`the start page in a browser (needs ${executablePath})`, () => {
  let gateway: RunningGateway;
  let slow: ScriptedUpstream;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    slow = await scriptedUpstream([{ kind: 'sse', frames: [chatChunk({ content: 'Once' })], end: 'hang' }]);
    gateway = await startGateway({
      yaml: `server: { keys: [alpha] }
upstreams: { local: { engine: embedded }, slow: { url: "${slow.url}", model: slow } }
models: { default: [local], slow: [slow] }
`,
    });
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
  });
  afterAll(async () => {
    await browser.close();
    await gateway.stop();
    await slow.close();
  });
  beforeEach(async () => {
    complaints.length = 0;
    page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) complaints.push(message.text());
    });
    await page.goto(gateway.url);
    return () => page.close();
  });

  test('asks for the key that the gateway wants, and then shows the model’s words as they come', async () => {
    await page.getByLabel('Key').fill('alpha');
    await page.getByLabel('Key').press('Tab');
    await expect.poll(() => page.getByLabel('Model', { exact: true }).inputValue()).toBe('default');
    await page.getByLabel('Try the model').fill('What is a circuit breaker?');
    await page.getByRole('button', { name: 'Send' }).click();
    await expect.poll(() => page.locator('#facts').textContent()).toContain('in all');
    expect(await page.locator('#answer').textContent()).toMatch(/call|service/);
    expect(await page.locator('#facts').textContent()).toContain('local');
    expect(await page.locator('#state').textContent()).toBe('ready');
    if (process.env['SCREENSHOT'] !== undefined)
      await page.screenshot({ path: process.env['SCREENSHOT'], fullPage: true });
    expect(complaints).toEqual([]);
  });

  test('shows a refusal with its type', async () => {
    await page.getByRole('button', { name: 'Send' }).click();
    await expect.poll(() => page.locator('#answer').textContent()).toContain('authentication_failed');
    expect(complaints).toEqual([]);
  });

  test('stops a running answer, and what was said stays', async () => {
    await page.getByLabel('Key').fill('alpha');
    await page.getByLabel('Key').press('Tab');
    await page.getByLabel('Model', { exact: true }).selectOption('slow');
    await page.getByRole('button', { name: 'Send' }).click();
    await expect.poll(() => page.locator('#answer').textContent()).toBe('Once');
    await page.getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => page.getByRole('button', { name: 'Send' }).isEnabled()).toBe(true);
    expect(await page.locator('#answer').textContent()).toBe('Once');
    await slow.requests[0]?.over;
    expect(slow.requests[0]?.aborted).toBe(true);
    expect(complaints).toEqual([]);
  });
});
