// A browser of its own with the page on which one engine is measured.
import { chromium } from '@playwright/test';
import { browserOptions } from '../../lib/browser.mjs';
import { processTree } from './cpu.mjs';
import { heapOf, processOf, workersOf } from './memory.mjs';

/** Measurements that take longer than this are of an engine that hangs, milliseconds. */
const PATIENCE_MS = 30_000;

const OPTIONS = {
  ...browserOptions,
  // `measureUserAgentSpecificMemory` collects garbage and answers at once.
  args: [
    ...browserOptions.args,
    '--enable-blink-features=ForceEagerMeasureMemory',
    '--autoplay-policy=no-user-gesture-required',
  ],
};

/** Opens the page of `site`; nothing is mounted yet. */
export async function visit(site) {
  const browser = await chromium.launch(OPTIONS);
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(site.origin);
  await page.waitForFunction(() => window.bench);
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const browserProcess = processInfo.find(({ type }) => type === 'browser').id;

  return {
    page,
    origin: site.origin,
    session,
    complaints,
    /** CPU seconds of all processes of this browser. */
    cpu: () => processTree(browserProcess),
    /** Calls a function of the page's half. */
    call: (name, ...values) =>
      patiently(
        page.evaluate(([name, values]) => window.bench[name](...values), [name, values]),
        name,
      ),
    /** What scripts hold, the page's and its workers', and what their process has for itself, bytes. */
    async memory() {
      return { heap: await patiently(heapOf(page), 'memory'), process: await processOf(session) };
    },
    /** What the workers hold, by kind, bytes. */
    workerMemory: () => patiently(workersOf(page), 'worker memory'),
    /** The page's workers, once there are `count`. */
    async workers(count) {
      while (page.workers().length < count) await page.waitForEvent('worker');
      return page.workers();
    },
    close: () => browser.close(),
  };
}

/** Fails where an answer takes too long. */
function patiently(promise, what) {
  let timer = null;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`\`${what}\` did not answer within ${PATIENCE_MS / 1_000} s`)),
      PATIENCE_MS,
    );
  });
  promise.catch(() => {});
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
