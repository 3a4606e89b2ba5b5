// Fixtures of every browser test: a server, a second browser, and a guard that fails a test on console errors and warnings.
import { test as base, expect, chromium } from '@playwright/test';
import { browserOptions } from './browser.mjs';
import { startServer } from './server.mjs';

export { expect };

export const test = base.extend({
  /** One server for all tests of a worker; a test that harms its server starts one of its own. */
  server: [
    async ({}, use) => {
      const server = await startServer();
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],

  /** A second browser: another process that shares nothing with the first. */
  otherBrowser: [
    async ({}, use) => {
      const browser = await chromium.launch(browserOptions);
      await use(browser);
      await browser.close();
    },
    { scope: 'worker' },
  ],

  baseURL: async ({ server }, use) => use(server.origin),

  /** The complaints that a test expects; any other error or warning fails the test. */
  tolerated: [/(?!)/, { option: true }],

  complaints: async ({ tolerated }, use) => {
    const heard = [];
    await use(heard);
    expect(heard.filter((text) => !tolerated.test(text))).toEqual([]);
  },

  context: async ({ context, complaints }, use) => {
    guard(context, complaints);
    await use(context);
  },

  /** Prints what the server logged during a failed test. */
  serverLog: [
    async ({ server }, use, testInfo) => {
      const before = server.output().length;
      await use();
      const log = server.output().slice(before).trim();
      if (testInfo.status !== testInfo.expectedStatus && log) console.log(`server log:\n${log.slice(0, 2_000)}`);
    },
    { auto: true },
  ],

  /** A page in the second browser. */
  otherPage: async ({ otherBrowser, server, complaints }, use) => {
    const context = await otherBrowser.newContext({ baseURL: server.origin, locale: 'en-US' });
    guard(context, complaints);
    await use(await context.newPage());
    await context.close();
  },
});

/** Collects the complaints of pages in `context`: console errors and warnings, uncaught exceptions. */
export function guard(context, complaints) {
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (error) => complaints.push(`uncaught: ${error.error()}`));
}
