// What takes a minute: a server that is away, and a viewer who looks at another tab. Both minutes are the same one.
import { setTimeout as sleep } from 'node:timers/promises';
import { test, expect, guard } from '../lib/test.mjs';
import { pour } from '../lib/pour.mjs';
import { enter, fresh, line, say } from '../lib/room.mjs';
import { startServer } from '../lib/server.mjs';
import { openTab } from '../lib/tab.mjs';

const MINUTE = 60_000;
/** Danmu a second, meanwhile, in the hidden tab's room. */
const RATE = 30;

const many = (text, length) => Array.from({ length }, (_, n) => `${fresh(text)} #${n}`);

/** An overlay page whose server falls, and is back after a minute. */
async function outage(browser) {
  const server = await startServer();
  const context = await browser.newContext();
  const complaints = [];
  guard(context, complaints);
  const page = await context.newPage();
  const end = async () => {
    await context.close();
    await server.stop();
  };
  await enter(page, `${server.origin}/overlay/demo`);
  await server.fall();
  await sleep(MINUTE);
  await server.rise();
  return { server, page, complaints, end };
}

/** An overlay page in a tab that nobody sees for a minute of thirty danmu a second. */
async function absence(server) {
  const tab = await openTab(`${server.origin}/overlay/demo`);
  const canvas = (what) => () => tab.evaluate(what);
  const onStage = canvas(() => Number(document.querySelector('[data-overlay]').dataset.onStage ?? 0));
  const shown = canvas(() => Number(document.querySelector('[data-overlay]').dataset.shown ?? 0));
  const state = canvas(() => document.querySelector('[data-feed]')?.dataset.state);
  const visible = canvas(() => document.visibilityState);
  await expect.poll(state).toBe('live');
  // What a second of these danmu takes to be shown.
  const busy = await spent(tab, () => flow(server, 'seen', 8));
  await expect.poll(onStage).toBeGreaterThan(0);
  // It leaves with two in flight, and with every one counted: a hidden page may tell of none.
  await expect.poll(onStage).toBe(0);
  const before = (await shown()) + 2;
  await pour(server, many('in flight', 2));
  await expect.poll(shown).toBe(before);
  await tab.leave();
  await expect.poll(visible).toBe('hidden');
  const idle = await spent(tab, () => flow(server, 'unseen', MINUTE / 1_000));
  return { tab, onStage, shown, visible, before, busy, idle };
}

/** Pours danmu for so many seconds, as they come. */
async function flow(server, text, seconds) {
  for (let second = 0; second < seconds; second += 1) {
    const next = sleep(1_000);
    await pour(server, many(text, RATE));
    await next;
  }
}

/** CPU seconds that a tab's browser takes for a second of what `act` does. */
async function spent(tab, act) {
  const [since, before] = [Date.now(), await tab.cpu()];
  await act();
  return ((await tab.cpu()) - before) / ((Date.now() - since) / 1_000);
}

test.describe('after a minute', () => {
  // Of one worker: they share the minute.
  test.describe.configure({ mode: 'default' });

  let away, hidden;

  test.beforeAll(async ({ browser, server }) => {
    test.setTimeout(MINUTE + 240_000);
    [away, hidden] = await Promise.all([outage(browser), absence(server)]);
  });

  test.afterAll(async () => {
    await away?.end();
    await hidden?.tab.close();
  });

  test('in a hidden tab danmu have cost nothing, and there is no flood on return', async ({ server }) => {
    const { tab, onStage, shown, visible, before, busy, idle } = hidden;
    console.log(`CPU: ${(100 * busy).toFixed(1)} % of a core while seen, ${(100 * idle).toFixed(1)} % while hidden`);
    expect(await visible()).toBe('hidden');
    await tab.comeBack();
    await expect.poll(visible).toBe('visible');
    // All that were in flight have left meanwhile; of what passed nothing comes, now or in the next seconds.
    await expect.poll(onStage).toBe(0);
    await sleep(2_000);
    expect([await onStage(), await shown()]).toEqual([0, before]);
    await pour(server, many('after', 2));
    await expect.poll(onStage).toBe(2);
    expect(await shown()).toBe(before + 2);
    expect(idle).toBeLessThan(busy / 10);
  });

  test.describe('without a server', () => {
    test.use({ tolerated: /ERR_|status of 50/ });

    test('danmu come again, without a reload', async ({ otherPage, tolerated }) => {
      const { server, page, complaints } = away;
      await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
      await enter(otherPage, `${server.origin}/room/demo`);
      // What a busy machine takes longer for than a danmu flies is too old to fly; then the next one does.
      const ids = [];
      await expect(async () => {
        const text = fresh('back again');
        await say(otherPage, text);
        ids.push(await line(otherPage, text).getAttribute('data-id'));
        const any = (ids) => window.shown.some(({ id }) => ids.includes(id));
        await page.waitForFunction(any, ids, { timeout: 15_000 });
      }).toPass();
      expect(complaints.filter((text) => !tolerated.test(text))).toEqual([]);
      await otherPage.goto('about:blank');
    });
  });
});
