// The wall: danmu on a ground of its own, and below them how to come.
import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { pour } from '../lib/pour.mjs';
import { drawn, enter, fresh, line, say } from '../lib/room.mjs';

const box = (page, selector) => page.locator(selector).boundingBox();
const overflow = (page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement;
    return [scrollWidth - clientWidth, scrollHeight - clientHeight];
  });

for (const [width, height] of [
  [1920, 1080],
  [2560, 1440],
  [1280, 720],
  [390, 844],
  [844, 390],
]) {
  test(`on a screen of ${width} by ${height} the code is large, whole and not flown over, and nothing moves on loading`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await page.addInitScript(() => {
      window.shifts = 0;
      new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.shifts += value))).observe({
        type: 'layout-shift',
        buffered: true,
      });
    });
    await enter(page, '/wall/demo');
    const [code, canvas, wall] = await Promise.all(['.wall-code', 'canvas', '.wall'].map((each) => box(page, each)));
    expect(code.width).toBeCloseTo(code.height, 0);
    expect(code.width).toBeGreaterThanOrEqual(Math.max(110, 0.23 * Math.min(width, height)));
    expect(code.x + code.width).toBeLessThanOrEqual(width);
    expect(code.y + code.height).toBeLessThanOrEqual(height);
    expect(canvas.y + canvas.height).toBeLessThanOrEqual(wall.y + 1);
    expect(canvas.width).toBe(width);
    for (const part of ['h1', '.wall-invites', '.wall-address']) {
      const { x, y, width: wide, height: high } = await box(page, part);
      expect([x >= 0, y >= wall.y - 1, x + wide <= code.x, y + high <= height + 1], part).toEqual([true, true, true, true]);
    }
    expect(await overflow(page)).toEqual([0, 0]);
    expect(await page.evaluate(() => window.shifts)).toBe(0);
  });
}

test('danmu fly over the ground that the address says', async ({ page, otherPage }) => {
  await enter(page, '/wall/demo?background=204060');
  await enter(otherPage);
  const text = fresh('on the wall');
  await say(otherPage, text);
  await drawn(page, await line(otherPage, text).getAttribute('data-id'));
  await expect(page.locator('.wall-ground')).toHaveCSS('background-color', 'rgb(32, 64, 96)');
  await expect(page.locator('.wall-address')).toHaveText(/^127\.0\.0\.1:\d+\/room\/demo$/);
  await expect(page.getByRole('img', { name: /QR code of http:\/\/127\.0\.0\.1:\d+\/room\/demo/ })).toBeVisible();
  await expect(page.locator('[data-note]')).toHaveCount(0);
});

test('a list keeps to its part, too', async ({ page, server }) => {
  await enter(page, '/wall/demo?style=list&code=40');
  const text = fresh('in a list');
  await pour(server, [text]);
  await expect(page.locator('.danmu-line').filter({ hasText: text })).toBeInViewport();
  const [list, wall] = [await box(page, '.danmu-list ol'), await box(page, '.wall')];
  expect(list.y + list.height).toBeLessThanOrEqual(wall.y);
});

test.describe('of a room that ends', () => {
  test.use({ tolerated: /status of 404/ });

  test('once its room has ended a wall invites to nothing', async ({ page }) => {
    const server = await startServer({}, CHATTY);
    try {
      await server.order('rooms', 'create', 'late');
      await expect(async () => {
        expect((await page.request.get(`${server.origin}/wall/late`)).status()).toBe(200);
      }).toPass();
      await enter(page, `${server.origin}/wall/late`);
      await expect(page.locator('.wall-closed')).toBeHidden();
      await server.order('rooms', 'archive', 'late');
      await expect(page.locator('.wall-closed')).toBeVisible();
      await expect(page.locator('.wall-address')).toBeHidden();
      await expect(page.locator('.wall-code')).toBeHidden();
      expect((await page.request.get(`${server.origin}/wall/late`)).status()).toBe(404);
    } finally {
      await page.goto('about:blank');
      await server.stop();
    }
  });
});
