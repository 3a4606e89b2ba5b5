// The overlay: who draws it, and what it does when something happens to the page in mid-flight.
import { test, expect } from '../lib/test.mjs';
import { pour } from '../lib/pour.mjs';
import { drawn, enter, fresh, line, say, visiblePixels } from '../lib/room.mjs';

const overlay = (page) => page.locator('[data-overlay]');
const count = async (page, name) => Number(await overlay(page).getAttribute(`data-${name}`));
const many = (text, length) => Array.from({ length }, (_, n) => `${fresh(text)} #${n}`);

/** Waits until the picture has at least so many. */
const onStage = (page, least) => expect.poll(() => count(page, 'on-stage')).toBeGreaterThanOrEqual(least);

/** The whole picture, as it looks. */
const picture = async (page) => (await overlay(page).screenshot({ omitBackground: true })).toString('base64');

/** Says something, and waits until it is in the picture. */
async function sayAndSee(page, text) {
  await say(page, text);
  const id = await line(page, text).getAttribute('data-id');
  await drawn(page, id);
  return id;
}

test('a worker draws, and the page only passes messages', async ({ page, server }) => {
  await enter(page, '/overlay/demo');
  expect(page.workers()).toHaveLength(1);
  await pour(server, many('by a worker', 3));
  await onStage(page, 3);
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
    const empty = await picture(page);
    await pour(server, many('without one', 3));
    await onStage(page, 3);
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
    await pour(server, many('all the same', 3));
    await onStage(page, 3);
    await expect.poll(() => visiblePixels(page)).toBeGreaterThan(500);
  });
});

test('a resize in mid-flight loses nobody', async ({ page, server }) => {
  await enter(page, '/overlay/demo');
  await pour(server, many('resized', 6));
  await onStage(page, 6);
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
    await pour(server, many('sharp', 4));
    await onStage(page, 4);
  });
});

test('full screen in mid-flight keeps who is there', async ({ page }) => {
  await enter(page);
  await sayAndSee(page, fresh('larger'));
  await page.getByRole('button', { name: 'Full screen' }).click();
  await expect(page.getByRole('button', { name: 'Leave full screen' })).toBeAttached();
  expect(await count(page, 'on-stage')).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Leave full screen' }).click();
});

test('danmu stand still with the video, go on with it, and do not mind a jump', async ({ page }) => {
  await enter(page);
  const video = page.locator('video');
  await expect.poll(() => video.evaluate((video) => video.currentTime)).toBeGreaterThan(0);
  await sayAndSee(page, fresh('one moment'));
  await video.evaluate((video) => video.pause());
  await expect.poll(async () => (await picture(page)) === (await picture(page))).toBe(true);
  const still = await picture(page);
  // Longer than it takes to cross the picture.
  await page.waitForTimeout(9_000);
  expect(await picture(page)).toBe(still);
  await video.evaluate((video) => (video.currentTime = 1));
  await video.evaluate((video) => video.play());
  await expect.poll(() => count(page, 'on-stage'), { timeout: 15_000 }).toBe(0);
});

test('the danmu under the pointer stands still, and a click shows it in the chat', async ({ page }) => {
  await enter(page);
  const video = page.locator('video');
  await expect.poll(() => video.evaluate((video) => video.currentTime)).toBeGreaterThan(0);
  const { x, y, width } = await overlay(page).boundingBox();
  // It flies through the topmost lane, towards the pointer.
  await page.mouse.move(x + width / 2, y + 18);
  const text = fresh('catch me if you can');
  const id = await sayAndSee(page, text);
  await expect(overlay(page)).toHaveAttribute('data-under', id);
  await page.waitForTimeout(3_000);
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
    await enter(page, '/overlay/demo');
    await pour(server, [fresh('calm')]);
    await onStage(page, 1);
    await expect.poll(() => visiblePixels(page)).toBeGreaterThan(100);
    const before = await picture(page);
    await page.waitForTimeout(500);
    expect(await picture(page)).toBe(before);
  });
});

test('what a viewer chooses is drawn, and remembered', async ({ page, server }) => {
  await enter(page);
  await page.locator('.player').hover();
  await page.locator('.settings summary').click();
  const slider = (name) => page.locator('.settings-panel label').filter({ hasText: name }).locator('input');
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
