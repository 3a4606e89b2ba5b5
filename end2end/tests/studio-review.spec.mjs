import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, line, say } from '../lib/room.mjs';
import { openStudio, ready, row } from '../lib/studio.mjs';

test.use({ tolerated: /status of (403|409)/ });

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

const review = (page) => page.locator('[data-review]');
const waiting = (page) => page.locator('[data-waiting] > li');
const one = (page, text) => waiting(page).filter({ hasText: text });
const act = (page, text, what) => one(page, text).locator(`[data-act=${what}]`).click();

/** Switches the mode: `off`, `guests` or `all`. */
async function choose(page, whom) {
  await page.locator('[data-reviewed]').selectOption(whom);
  await expect(page.locator('[data-reviewed]')).toHaveValue(whom);
}

test('what a guest says waits, and is shown or taken out as the crew decides', async ({ page, otherPage }) => {
  await openStudio(page, server);
  await expect(review(page)).toBeHidden();
  await choose(page, 'guests');
  await expect(review(page)).toBeVisible();
  await expect(review(page)).toContainText('Nothing waits.');
  await enter(otherPage, `${server.origin}/room/demo`);
  const [good, bad] = ['this may be shown', 'this may not'].map(fresh);
  for (const text of [good, bad]) {
    await say(otherPage, text);
    await expect(line(otherPage, text)).toHaveAttribute('data-state', 'held');
    await expect(line(otherPage, text)).toContainText('waits for a moderator');
    await expect(one(page, text)).toHaveCount(1);
    await expect(row(page, text)).toHaveCount(0);
  }
  await expect(page.locator('#review-count')).toHaveText('Waiting: 2');
  await expect(page.locator('[data-review-said]')).toHaveText('Danmu wait for you.');

  await act(page, good, 'pass');
  await expect(row(page, good)).toHaveCount(1);
  await expect(line(otherPage, good)).toHaveAttribute('data-state', 'confirmed');
  await expect(page.locator('[data-review-said]')).toHaveText('Let through: 1');
  await act(page, bad, 'out');
  await expect(line(otherPage, bad)).toHaveCount(0);
  await expect(page.locator('[data-review-said]')).toHaveText(`Taken out: “${bad}”`);
  await expect(waiting(page)).toHaveCount(0);
  await expect(row(page, bad)).toHaveCount(0);
  await page.reload();
  await ready(page);
  await expect(page.locator('[data-reviewed]')).toHaveValue('guests');
  await choose(page, 'off');
  await expect(review(page)).toBeHidden();
});

test('by keyboard, all at once, and after the mode has ended', async ({ page, otherPage }) => {
  await openStudio(page, server);
  await choose(page, 'guests');
  await enter(otherPage, `${server.origin}/room/demo`);
  const [first, second, third, fourth] = ['first', 'second', 'third', 'fourth'].map(fresh);
  for (const text of [first, second, third, fourth]) {
    await say(otherPage, text);
    await expect(one(page, text)).toHaveCount(1);
  }
  await page.locator('.review .waiting').focus();
  await page.keyboard.press('ArrowDown');
  await expect(one(page, first)).toHaveAttribute('data-picked', 'true');
  await page.keyboard.press('t');
  await expect(one(page, first)).toHaveCount(0);
  await expect(one(page, second)).toHaveAttribute('data-picked', 'true');
  await page.keyboard.press('l');
  await expect(row(page, second)).toHaveCount(1);
  await choose(page, 'off');
  await expect(review(page)).toContainText('The mode is off.');
  await page.locator('[data-pass-all]').click();
  for (const text of [third, fourth]) await expect(row(page, text)).toHaveCount(1);
  await expect(row(page, first)).toHaveCount(0);
  await expect(review(page)).toBeHidden();
});

test('in a dock it fits', async ({ page, otherPage }) => {
  await openStudio(page, server);
  await page.setViewportSize({ width: 400, height: 700 });
  await page.goto(`${server.origin}/studio/demo?dock`);
  await ready(page);
  await choose(page, 'all');
  await enter(otherPage, `${server.origin}/room/demo`);
  const text = fresh('a rather long danmu that has to be read before it is let through');
  await say(otherPage, text);
  await expect(one(page, text)).toHaveCount(1);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(wide).toBeLessThanOrEqual(400);
  await act(page, text, 'pass');
  await expect(row(page, text)).toHaveCount(1);
  await choose(page, 'off');
});
