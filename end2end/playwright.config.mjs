// The browser tests. `cargo xtask test` says by variables which server to start and which browser to use.
import { defineConfig } from '@playwright/test';
import { browserOptions } from './lib/browser.mjs';

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  // Both only end what hangs: no test looks at how long something takes.
  timeout: 240_000,
  expect: { timeout: 60_000 },
  // Each worker has browsers and a server of its own. Most tests wait most of the time.
  fullyParallel: true,
  workers: 3,
  forbidOnly: !!process.env.CI,
  reporter: [['list'], ['json', { outputFile: process.env.E2E_REPORT ?? 'test-results/report.json' }]],
  use: {
    launchOptions: browserOptions,
    locale: 'en-US',
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    // What was done and what was asked, without a picture of each step.
    trace: { mode: 'retain-on-failure', screenshots: false, snapshots: false, sources: false },
  },
});
