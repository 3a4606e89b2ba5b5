import { test, expect } from '../lib/test.mjs';
import { stopWorker, untilOnStage } from '../lib/clock.mjs';
import { drawn, enter, fresh, input, line, say, visiblePixels } from '../lib/room.mjs';

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });

  for (const address of ['/', '/room/demo', '/room/nowhere']) {
    test.describe(address, () => {
      test.use({ tolerated: /404/ });
      test('nothing reaches out of the screen', async ({ page }) => {
        await page.goto(address);
        expect(await overflow(page)).toBe(0);
      });
    });
  }

  test('one can watch and speak without scrolling, even with a very long danmu', async ({ page }) => {
    await enter(page);
    await expect(input(page)).toBeInViewport();
    await expect(page.locator('video')).toBeInViewport();
    const text = `${fresh('w')}${'w'.repeat(80)}`;
    await say(page, text);
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    expect(await overflow(page)).toBe(0);
    await expect(input(page)).toBeInViewport();
  });
});

test('the overlay page is transparent but for the danmu', async ({ page, otherPage }) => {
  await enter(page);
  await enter(otherPage, '/overlay/demo');
  for (const element of ['html', 'body']) {
    const background = await otherPage.locator(element).evaluate((element) => getComputedStyle(element).backgroundColor);
    expect(background).toBe('rgba(0, 0, 0, 0)');
  }
  // Danmu of other tests may still be on their way across.
  await expect.poll(() => visiblePixels(otherPage)).toBe(0);
  const clock = await stopWorker(otherPage);
  const text = fresh('over the game');
  await say(page, text);
  await untilOnStage(otherPage, clock, 1);
  await clock.pass(2_000);
  await drawn(otherPage, await line(page, text).getAttribute('data-id'));
  await expect.poll(() => visiblePixels(otherPage)).toBeGreaterThan(500);
  const all = await otherPage.evaluate(() => innerWidth * innerHeight);
  expect(await visiblePixels(otherPage)).toBeLessThan(all / 4);
});
