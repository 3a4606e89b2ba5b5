// The browser tests. `cargo xtask test` says by variables which server to start and which browser to use.
import { defineConfig } from '@playwright/test';
import { browserOptions } from './lib/browser.mjs';

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  timeout: 20_000,
  expect: { timeout: 10_000 },
  // One after another: each test has two browsers that paint in software, and times that matter.
  workers: 1,
  forbidOnly: !!process.env.CI,
  reporter: [['list'], ['json', { outputFile: process.env.E2E_REPORT ?? 'test-results/report.json' }]],
  use: {
    launchOptions: browserOptions,
    locale: 'en-US',
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
  },
});
