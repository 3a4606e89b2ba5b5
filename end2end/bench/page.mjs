// What the page's main thread does in a busy room: 50 signed danmu a second for a minute, three times, each in a browser of its
// own. No task may be long as the Long Tasks API has it (over 50 ms), from when the feed is live; those of loading are told.
// How busy the thread is, and with what, is told beside it: a share of the time, by what a task began with.
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from '@playwright/test';
import { browserOptions } from '../lib/browser.mjs';
import { conclude, table } from '../lib/bench.mjs';
import { enter, lines } from '../lib/room.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { speakers } from '../lib/speakers.mjs';
import { traced } from './overlay/trace.mjs';

const LIMIT = { longestMs: 50 };
const RATE = 50;
const TICK_MS = 100;
const SECONDS = Number(process.env.E2E_SECONDS ?? 60);
const RUNS = Number(process.env.E2E_RUNS ?? 3);

const WORDS = ['前方高能', '233333', 'that was close', '哈哈哈哈哈哈', 'wow', '这也行?', 'first time here', '👏👏👏', 'GG', 'respect'];
const COLORS = ['#ffffff', '#ffffff', '#ffffff', '#ff5c5c', '#4de1f5', '#ffe14d'];

const runs = [];
for (let n = 0; n < RUNS; n += 1) runs.push(await run());
report(runs);
await conclude({ bench: 'page', limits: LIMIT, rate: RATE, seconds: SECONDS, runs }, runs.every(isKept));

async function run() {
  const server = await startServer({}, CHATTY);
  const browser = await chromium.launch(browserOptions);
  try {
    const audience = await speakers(server, 20);
    const context = await browser.newContext({ baseURL: server.origin, viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.addInitScript(() => {
      window.longTasks = [];
      const note = (list) => window.longTasks.push(...list.getEntries().map(({ startTime, duration }) => [startTime, duration]));
      new PerformanceObserver(note).observe({ type: 'longtask', buffered: true });
    });
    await enter(page);
    const live = await page.evaluate(() => performance.now());
    const session = await browser.newBrowserCDPSession();
    const { seconds, main, busyMs, result: said } = await traced({ session }, () => speak(audience));
    await lines(page).filter({ hasText: `n${said}` }).waitFor();
    const tasks = await page.evaluate(() => window.longTasks);
    const lasting = (those) => those.map(([, duration]) => duration);
    const longTasks = lasting(tasks.filter(([at]) => at >= live));
    const loading = lasting(tasks.filter(([at]) => at < live));
    audience.leave();
    const share = Object.fromEntries(Object.entries(main).map(([name, ms]) => [name, ms / 10 / seconds]));
    return { said, seconds, longTasks, loading, busy: busyMs / 10 / seconds, share, loadAverage: os.loadavg()[0] };
  } finally {
    await browser.close();
    await server.stop();
  }
}

/** Says danmu at the rate, by ticks; how many. */
async function speak(audience) {
  const began = performance.now();
  let said = 0;
  while (performance.now() - began < SECONDS * 1_000) {
    const due = Math.floor(((performance.now() - began) / 1_000) * RATE) - said;
    const danmu = Array.from({ length: Math.min(due, RATE) }, () => {
      said += 1;
      return { text: `${WORDS[said % WORDS.length]} n${said}`, color: COLORS[said % COLORS.length] };
    });
    if (danmu.length > 0) await audience.say(danmu);
    await sleep(TICK_MS);
  }
  return said;
}

function isKept({ longTasks }) {
  return longTasks.length === 0;
}

function report(runs) {
  const top = ({ share }) =>
    Object.entries(share)
      .sort(([, one], [, other]) => other - one)
      .slice(0, 4)
      .map(([name, percent]) => `${name} ${percent.toFixed(1)}`)
      .join(', ');
  table(
    ['run', 'danmu', 'long tasks', 'longest ms', 'loading', 'busy %', 'of it', 'load'],
    runs.map((run, n) => [
      n + 1,
      run.said,
      run.longTasks.length,
      Math.round(Math.max(0, ...run.longTasks)),
      `${run.loading.length}, ${Math.round(Math.max(0, ...run.loading))} ms`,
      run.busy.toFixed(1),
      top(run),
      run.loadAverage.toFixed(1),
    ]),
  );
}
