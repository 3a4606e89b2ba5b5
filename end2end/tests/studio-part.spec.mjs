import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, say } from '../lib/room.mjs';
import { list, openStudio, row, rows } from '../lib/studio.mjs';
import { speakers } from '../lib/speakers.mjs';

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

test('rows say their place in the list, and the keyboard goes through it from one end to the other', async ({ page, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const [first, last] = [fresh('first'), fresh('last')];
  await say(otherPage, first);
  await expect(row(page, first)).toHaveCount(1);
  await say(otherPage, last);
  await expect(row(page, last)).toHaveCount(1);
  const count = await rows(page).count();
  expect(count).toBeLessThanOrEqual(300);
  await expect(row(page, last)).toHaveAttribute('aria-posinset', String(count));
  await expect(row(page, last)).toHaveAttribute('aria-setsize', String(count));
  await list(page).focus();
  await page.keyboard.press('End');
  await expect(row(page, last)).toHaveAttribute('data-picked', 'true');
  await page.keyboard.press('Home');
  await expect(rows(page).first()).toHaveAttribute('data-picked', 'true');
  await expect(rows(page).first()).toBeInViewport();
  await page.keyboard.press('PageDown');
  await page.keyboard.press('End');
  await expect(row(page, last)).toBeInViewport();
});

/** Pulls the list's scroll bar to there, from 0 (its beginning) to 1 (its end). */
const pull = (page, to) => list(page).evaluate((list, to) => (list.scrollTop = to * (list.scrollHeight - list.clientHeight)), to);
/** The rows that are in sight: their places in the whole list, and where the first begins. */
const seen = (page) =>
  list(page).evaluate((list) => {
    const [from, to] = [list.getBoundingClientRect().top, list.getBoundingClientRect().bottom];
    const rows = [...list.querySelectorAll('li')].map((row) => [row, row.getBoundingClientRect()]);
    const inSight = rows.filter(([, { top, bottom }]) => bottom > from && top < to);
    const places = inSight.map(([row]) => Number(row.getAttribute('aria-posinset')));
    return { places, top: Math.round(inSight[0]?.[1].top ?? 0), rows: rows.length };
  });

test('wherever its scroll bar is pulled there are danmu, and they stay while more come', async ({ page }) => {
  const busy = await startServer({ DANMU_RELAY__DENSITY: '0' }, CHATTY);
  const crowd = await speakers(busy, 12);
  try {
    await openStudio(page, busy);
    const say = (from, count) => crowd.say(Array.from({ length: count }, (_, n) => ({ text: `said ${from + n}` })));
    for (let n = 0; n < 600; n += 60) await say(n, 60);
    await expect(row(page, 'said 599')).toHaveAttribute('aria-posinset', '600');
    for (const [to, first, last] of [[0, 1, 30], [0.5, 250, 350], [0.1, 30, 100], [1, 560, 600], [0, 1, 30]]) {
      await pull(page, to);
      await expect.poll(async () => (await seen(page)).places.length, `at ${to}`).toBeGreaterThan(0);
      const { places, rows } = await seen(page);
      expect(rows).toBeLessThanOrEqual(300);
      expect(places[0], `at ${to}`).toBeGreaterThanOrEqual(first);
      expect(places.at(-1), `at ${to}`).toBeLessThanOrEqual(last);
      if (to === 0) await expect(row(page, 'said 0').first()).toBeInViewport();
    }
    await pull(page, 0.4);
    await expect.poll(async () => (await seen(page)).places.length).toBeGreaterThan(0);
    const before = await seen(page);
    await say(600, 100);
    await expect(page.locator('.newest')).toContainText('100');
    const after = await seen(page);
    expect([after.places, after.top]).toEqual([before.places, before.top]);
    await page.locator('.newest').click();
    await expect(row(page, 'said 699')).toBeInViewport();
  } finally {
    crowd.leave();
    await busy.stop();
  }
});
