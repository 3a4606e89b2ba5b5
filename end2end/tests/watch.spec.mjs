import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { drawn, enter, fresh, input, line, lines, say } from '../lib/room.mjs';

/** Holds what `page` puts onto the stream until the answer is called. */
async function holdPuts(page) {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/aws/**', async (route) => {
    const target = route.request().headers()['x-amz-target'] ?? '';
    if (target.includes('PutRecord')) await held;
    await route.continue();
  });
  return release;
}

test('a danmu typed in one browser flies in the other', async ({ page, otherPage }) => {
  await enter(page);
  await enter(otherPage);
  const put = await holdPuts(page);
  const text = fresh('hello from the other side');
  await say(page, text);

  // At once: the stream has not heard of it yet.
  const own = line(page, text);
  await expect(own).toHaveCount(1);
  put();
  await expect(own).toHaveAttribute('data-own', 'true');
  await expect(own).toHaveAttribute('data-state', 'confirmed');
  await expect(input(page)).toHaveValue('');

  const there = line(otherPage, text);
  await expect(there).toHaveCount(1);
  await expect(there).not.toHaveAttribute('data-own', 'true');
  const id = await there.getAttribute('data-id');
  expect(await own.getAttribute('data-id')).toBe(id);
  await drawn(page, id);
  await drawn(otherPage, id);
  // What comes back off the stream is the line that was there already.
  await expect(own).toHaveCount(1);
});

test('one can speak before what draws danmu is there, and it is drawn when it comes', async ({ page }) => {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route('**/pkg/danmu-overlay.*', async (route) => {
    await held;
    await route.continue();
  });
  await enter(page);
  const text = fresh('early');
  await say(page, text);
  await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  expect(await page.evaluate(() => window.shown)).toEqual([]);
  release();
  await drawn(page, await line(page, text).getAttribute('data-id'));
});

test.describe('when what draws danmu cannot be loaded at first', () => {
  test.use({ tolerated: /ERR_FAILED|dynamically imported module/ });

  test('the page says so, asks again, and draws what comes from then on', async ({ page }) => {
    await page.route('**/pkg/danmu-overlay.*', (route) => route.abort());
    await enter(page);
    await expect(page.getByText('draws danmu could not be loaded')).toBeVisible();
    const lost = fresh('to nobody');
    await say(page, lost);
    await expect(line(page, lost)).toHaveAttribute('data-state', 'confirmed');
    await page.unroute('**/pkg/danmu-overlay.*');
    await expect(page.getByText('draws danmu could not be loaded')).toBeHidden();
    const text = fresh('drawn again');
    await say(page, text);
    await drawn(page, await line(page, text).getAttribute('data-id'));
    expect(await page.evaluate(() => window.shown.length)).toBe(1);
  });
});

test('a danmu is marked as on its way until the stream has it', async ({ page }) => {
  await enter(page);
  await input(page).focus();
  const release = await holdPuts(page);
  const text = fresh('in flight');
  await say(page, text);
  await expect(line(page, text)).toHaveAttribute('data-state', 'pending');
  release();
  await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  await page.unrouteAll({ behavior: 'wait' });
});

test('a whole room can be used with the keyboard alone', async ({ page }) => {
  await enter(page);
  await page.keyboard.press('Tab');
  await expect(page.locator('a.skip')).toBeFocused();
  await page.keyboard.press('Enter');
  for (let presses = 0; presses < 6 && !(await isFocused(input(page))); presses += 1) await page.keyboard.press('Tab');
  await expect(input(page)).toBeFocused();
  const text = fresh('no mouse');
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
  await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  await expect(input(page)).toBeFocused();
});

const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);

test('a burst arrives whole, in order, and once', async ({ page, otherPage }) => {
  const server = await startServer({}, CHATTY);
  for (const each of [page, otherPage]) await enter(each, `${server.origin}/room/demo`);
  const mark = fresh('burst');
  const texts = Array.from({ length: 20 }, (_, n) => `${mark} #${n}.`);
  for (const text of texts) await say(page, text);
  const arrived = line(otherPage, mark);
  await expect(arrived).toHaveCount(texts.length);
  expect((await arrived.locator('.said').allInnerTexts()).map((text) => text.trim())).toEqual(texts);
  await expect(lines(page).filter({ hasText: mark })).toHaveCount(texts.length);
  await expect(page.locator('[data-chat] li[data-state=pending]')).toHaveCount(0);
  // The pages first: they read on, and would complain of a server that is gone.
  await Promise.all([page.close(), otherPage.close()]);
  await server.stop();
});

test('Chinese and emoji arrive as they were written', async ({ page, otherPage }) => {
  await enter(page);
  await enter(otherPage);
  const text = fresh('前方高能 👩‍👩‍👧‍👦 ñ العربية');
  await say(page, text);
  await expect(line(otherPage, text).locator('.said')).toHaveText(text);
});

test('the first page leads into the room', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('link', { name: /demo/i }).click();
  await expect(page).toHaveURL(/\/room\/demo$/);
  await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
  const text = fresh('through the front door');
  await say(page, text);
  await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
});

test('the sample clip plays', async ({ page }) => {
  await enter(page);
  const video = page.locator('video');
  await expect.poll(() => video.evaluate((video) => video.currentTime)).toBeGreaterThan(0.2);
});
