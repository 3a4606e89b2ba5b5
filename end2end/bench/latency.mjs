// From Enter in one browser to the first frame with that danmu in the other: two Chromium processes, exactly two
// readers of one shard, danmu at the pace of a hand. Both browsers run on this machine, so they share its clock.
import { chromium } from '@playwright/test';
import { browserOptions } from '../lib/browser.mjs';
import { conclude, quantile, table } from '../lib/bench.mjs';
import { drawn, enter, input, lines } from '../lib/room.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';

const COUNT = Number(process.env.E2E_COUNT ?? 100);
const LIMITS = { median: 300, p95: 600 };
const PACE_MS = [300, 900];

const server = await startServer({}, CHATTY);
const browsers = [await chromium.launch(browserOptions), await chromium.launch(browserOptions)];
try {
  const [writer, reader] = await Promise.all(
    browsers.map(async (browser) => {
      const context = await browser.newContext({ baseURL: server.origin, viewport: { width: 1280, height: 800 } });
      return context.newPage();
    }),
  );
  await enter(writer);
  await enter(reader);
  await writer.evaluate(() => {
    window.pressed = [];
    window.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') window.pressed.push(performance.timeOrigin + performance.now());
    }, { capture: true });
  });
  // Credentials are fetched at the first intent to speak; what is measured is a room in use.
  await type(writer, 'hello');
  await lines(reader).first().waitFor();

  for (let n = 1; n <= COUNT; n += 1) {
    await writer.waitForTimeout(PACE_MS[0] + Math.random() * (PACE_MS[1] - PACE_MS[0]));
    await type(writer, `danmu ${n}`);
  }
  await lines(reader).nth(COUNT).waitFor({ timeout: 20_000 });
  const ids = await lines(writer).evaluateAll((items) => items.map((item) => item.dataset.id));
  await drawn(reader, ids.at(-1));
  await report(writer, reader, ids.slice(1));
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  await server.stop();
}

async function type(page, text) {
  await input(page).pressSequentially(text);
  await input(page).press('Enter');
}

async function report(writer, reader, ids) {
  const pressed = (await writer.evaluate(() => window.pressed)).slice(1);
  const shown = new Map((await reader.evaluate(() => window.shown)).map(({ id, at }) => [id, at]));
  const samples = ids.map((id, n) => ({ id, ms: shown.get(id) - pressed[n] }));
  const sorted = samples.map(({ ms }) => ms).filter(Number.isFinite).sort((a, b) => a - b);
  const missing = samples.length - sorted.length;
  const figures = {
    median: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    max: sorted.at(-1),
  };
  const reads = await Promise.all(
    [writer, reader].map((page) =>
      page.locator('[data-feed]').evaluate(({ dataset }) => ({ reads: +dataset.reads, throttled: +dataset.throttled })),
    ),
  );
  const round = Math.round;
  table(
    ['Enter → drawn in the other browser', 'measured', 'limit', 'unit'],
    [
      ['danmu', sorted.length, '', ''],
      ['lost', missing, 0, ''],
      ['median', round(figures.median), LIMITS.median, 'ms'],
      ['p95', round(figures.p95), LIMITS.p95, 'ms'],
      ['max', round(figures.max), '', 'ms'],
      ['reads, writer’s page', reads[0].reads, '', ''],
      ['  of these throttled', reads[0].throttled, '', ''],
      ['reads, reader’s page', reads[1].reads, '', ''],
      ['  of these throttled', reads[1].throttled, '', ''],
    ],
  );
  const kept = missing === 0 && figures.median <= LIMITS.median && figures.p95 <= LIMITS.p95;
  await conclude({ bench: 'latency', limits: LIMITS, count: sorted.length, missing, ...figures, reads, samples }, kept);
}
