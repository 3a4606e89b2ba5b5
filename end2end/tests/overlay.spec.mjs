// The overlay: who draws it, and what it does when something happens to the page in mid-flight.
import { test, expect } from '../lib/test.mjs';
import { stopClock, stopWorker, untilOnStage } from '../lib/clock.mjs';
import { pour } from '../lib/pour.mjs';
import { drawn, enter, fresh, line, say, visiblePixels } from '../lib/room.mjs';

const overlay = (page) => page.locator('[data-overlay]');
const count = async (page, name) => Number(await overlay(page).getAttribute(`data-${name}`));
const many = (text, length) => Array.from({ length }, (_, n) => `${fresh(text)} #${n}`);

/** The whole picture, as it looks. */
const picture = async (page) => (await overlay(page).screenshot({ omitBackground: true })).toString('base64');

test('a worker draws, and the page only passes messages', async ({ page, server }) => {
  await enter(page, '/overlay/demo');
  expect(page.workers()).toHaveLength(1);
  const clock = await stopWorker(page);
  await pour(server, many('by a worker', 3));
  await untilOnStage(page, clock, 3);
  await clock.pass(2_000);
  await expect.poll(() => visiblePixels(page)).toBeGreaterThan(500);
});

for (const [what, prepare] of [
  ['there is no OffscreenCanvas', () => delete window.OffscreenCanvas],
  ['no worker starts', () => { window.Worker = class { constructor() { throw new Error('no'); } }; }],
]) {
  test(`where ${what} the page draws by itself`, async ({ page, server }) => {
    await page.addInitScript(prepare);
    await enter(page, '/overlay/demo');
    expect(page.workers()).toHaveLength(0);
    const clock = await stopClock(page);
    const empty = await picture(page);
    await pour(server, many('without one', 3));
    await untilOnStage(page, clock, 3);
    await clock.pass(2_000);
    await expect.poll(() => picture(page)).not.toBe(empty);
  });
}

test.describe('where a worker falls while it starts', () => {
  test.use({ tolerated: /no frames here|worker/i });
  test('the page draws by itself', async ({ page, server }) => {
    await page.addInitScript(() => {
      const Real = window.Worker;
      window.Worker = class extends Real {
        constructor(url, options) {
          super(URL.createObjectURL(new Blob(['throw new Error("no frames here")'], { type: 'text/javascript' })), options);
        }
      };
    });
    await enter(page, '/overlay/demo');
    const clock = await stopClock(page);
    await pour(server, many('all the same', 3));
    await untilOnStage(page, clock, 3);
    await clock.pass(2_000);
    await expect.poll(() => visiblePixels(page)).toBeGreaterThan(500);
  });
});

test('a resize in mid-flight loses nobody', async ({ page, server }) => {
  await enter(page, '/overlay/demo');
  const clock = await stopWorker(page);
  await pour(server, many('resized', 6));
  await untilOnStage(page, clock, 6);
  await clock.pass(2_000);
  const shown = await count(page, 'on-stage');
  for (const [width, height] of [[900, 500], [1600, 900], [1280, 800]]) {
    await page.setViewportSize({ width, height });
    await expect.poll(() => overlay(page).evaluate((canvas) => [canvas.width, canvas.height])).toEqual([width, height]);
    await expect.poll(() => visiblePixels(page)).toBeGreaterThan(500);
  }
  expect(await count(page, 'on-stage')).toBe(shown);
});

test.describe('on a screen of two pixels a point', () => {
  test.use({ deviceScaleFactor: 2 });
  test('danmu are drawn in its own pixels', async ({ page, server }) => {
    await enter(page, '/overlay/demo');
    const { width, height } = page.viewportSize();
    await expect.poll(() => overlay(page).evaluate((canvas) => [canvas.width, canvas.height])).toEqual([2 * width, 2 * height]);
    const clock = await stopWorker(page);
    await pour(server, many('sharp', 4));
    await untilOnStage(page, clock, 4);
  });
});

test('full screen in mid-flight keeps who is there', async ({ page }) => {
  await enter(page);
  const clock = await stopWorker(page);
  await say(page, fresh('larger'));
  await untilOnStage(page, clock, 1);
  await clock.pass(2_000);
  await page.getByRole('button', { name: 'Full screen' }).click();
  await expect(page.getByRole('button', { name: 'Leave full screen' })).toBeAttached();
  expect(await count(page, 'on-stage')).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Leave full screen' }).click();
});

test('danmu stand still with the video, go on with it, and do not mind a jump', async ({ page }) => {
  await enter(page);
  const video = page.locator('video');
  await expect.poll(() => video.evaluate((video) => video.currentTime)).toBeGreaterThan(0);
  const clock = await stopWorker(page);
  const text = fresh('one moment');
  await say(page, text);
  await untilOnStage(page, clock, 1);
  await clock.pass(2_000);
  await drawn(page, await line(page, text).getAttribute('data-id'));
  await video.evaluate((video) => video.pause());
  await expect(page.getByRole('button', { name: 'Play' })).toBeVisible();
  await clock.pass(0);
  const still = await picture(page);
  // Longer than it takes to cross the picture.
  await clock.pass(9_000);
  expect(await picture(page)).toBe(still);
  await video.evaluate((video) => (video.currentTime = 1));
  await clock.pass(500);
  expect(await count(page, 'on-stage')).toBe(1);
  await video.evaluate((video) => video.play());
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  await clock.pass(9_000);
  await expect.poll(() => count(page, 'on-stage')).toBe(0);
});

test('the danmu under the pointer stands still, and a click shows it in the chat', async ({ page }) => {
  await enter(page);
  const video = page.locator('video');
  await expect.poll(() => video.evaluate((video) => video.currentTime)).toBeGreaterThan(0);
  const { x, y, width } = await overlay(page).boundingBox();
  // It flies through the topmost lane, towards the pointer.
  await page.mouse.move(x + width / 2, y + 18);
  const text = fresh('catch me if you can');
  const clock = await stopWorker(page);
  await say(page, text);
  await untilOnStage(page, clock, 1);
  const id = await line(page, text).getAttribute('data-id');
  await expect(async () => {
    await clock.pass(100);
    expect(await overlay(page).getAttribute('data-under')).toBe(id);
  }).toPass({ intervals: [50] });
  await clock.pass(3_000);
  await expect(overlay(page)).toHaveAttribute('data-under', id);
  await page.mouse.click(x + width / 2, y + 18);
  await expect(line(page, text)).toHaveAttribute('data-picked', '');
  expect(await video.evaluate((video) => video.paused)).toBe(false);
  await page.mouse.move(x + width / 2, y + 200);
  await expect(overlay(page)).not.toHaveAttribute('data-under');
});

test.describe('for who wants less motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });
  test('danmu stand still', async ({ page, server }) => {
    await enter(page);
    // The picture behind them moves on.
    await page.locator('video').evaluate((video) => video.remove());
    const clock = await stopWorker(page);
    await pour(server, [fresh('calm')]);
    await untilOnStage(page, clock, 1);
    await clock.pass(100);
    const before = await picture(page);
    await clock.pass(500);
    expect(await picture(page)).toBe(before);
  });
});

test('what a viewer chooses is drawn, and remembered', async ({ page, server }) => {
  await enter(page);
  await page.locator('.player').hover();
  await page.locator('.settings summary').click();
  const slider = (name) => page.locator('.settings-panel .slider').filter({ hasText: name }).locator('input');
  await slider('Opacity').fill('50');
  await slider('Lanes').fill('1');
  await slider('Size').fill('200');
  await expect(overlay(page)).toHaveCSS('opacity', '0.5');
  await pour(server, many('one lane', 30));
  await expect.poll(() => count(page, 'given-up')).toBeGreaterThan(20);
  expect(await count(page, 'on-stage')).toBeLessThan(4);
  await page.keyboard.press('Escape');
  await expect(page.locator('.settings-panel')).toBeHidden();
  await page.reload();
  await expect(overlay(page)).toHaveCSS('opacity', '0.5');
  await expect(slider('Size')).toHaveValue('200');
});
