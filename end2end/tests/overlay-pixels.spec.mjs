// How danmu look: against a stored picture, with fonts that are the same on every machine; and that the overlay paints
// nothing but them.
import { test, expect } from '../lib/test.mjs';
import { alone } from '../lib/alone.mjs';
import { drawn, enter, fresh, line, pictureOf, say } from '../lib/room.mjs';
import { screenOf } from '../lib/screen.mjs';
import { colorOf } from '../bench/overlay/corpus.mjs';
import { meets } from '../bench/overlay/page/pixels.mjs';

const SAID = [
  ['前方高能！这句话是中文。', 0xffffff],
  ['こんにちは、世界 カタカナ', 0xfe0302],
  ['مرحبا بالعالم 123', 0xffff00],
  ['Mixed 混在 Смесь mezclado', 0x00cd00],
  ['👍🏽 👩‍👩‍👧‍👦 ❤️ 🇨🇳', 0x89d5ff],
  ['dark on light', 0x222222],
];

/** Shows all of them, where they stand still. */
async function showScripts(page) {
  await page.evaluate((said) => {
    for (const [n, [text, color]] of said.entries()) {
      window.overlay.show(String(n), text, color, n % 2 ? 'bottom' : 'top');
    }
  }, SAID);
  await expect(page.locator('canvas')).toHaveAttribute('data-on-stage', String(SAID.length));
}

const TEXTS = SAID.map(([text]) => text);
const SMALL = { viewport: { width: 640, height: 360 } };
const LIKE = { maxDiffPixelRatio: 0.002 };

for (const density of [1, 1.5, 2]) {
  test.describe(`at ${density} device pixels`, () => {
    test.use({ ...SMALL, deviceScaleFactor: density });

    test('texts of all scripts look as they are to look', async ({ page }) => {
      await alone(page, TEXTS);
      await showScripts(page);
      await expect(page).toHaveScreenshot(`scripts-${density}.png`, { scale: 'device', ...LIKE });
    });
  });
}

test.describe('on a page from the right to the left', () => {
  test.use(SMALL);

  test('texts look as on any other', async ({ page }) => {
    await alone(page, TEXTS, 'rtl');
    await showScripts(page);
    await expect(page).toHaveScreenshot('scripts-1.png', { scale: 'device', ...LIKE });
  });
});

test.describe('when the screen gets other pixels and the page keeps its size', () => {
  test.describe('danmu that stand still', () => {
    test.use(SMALL);

    test('look at once as if it had always had them', async ({ page }) => {
      await alone(page, TEXTS);
      const screen = await screenOf(page);
      await showScripts(page);
      await screen.becomes(2);
      await expect(async () => {
        expect(await screen.picture()).toMatchSnapshot('scripts-2.png', LIKE);
      }).toPass({ timeout: 2_000 });
    });
  });

  test.describe('danmu that fly', () => {
    const [width, height] = [1280, 720];
    test.use({ viewport: { width, height } });

    test('are all still there, and none overlaps another', async ({ page }) => {
      await alone(page, ['弹幕']);
      const screen = await screenOf(page);
      const canvas = page.locator('canvas');
      const colors = Array.from({ length: 60 }, (_, n) => colorOf(n));
      await page.evaluate(async (colors) => {
        for (const [n, color] of colors.entries()) {
          window.overlay.show(String(n), '弹幕'.repeat(1 + (n % 4)), color);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      }, colors);
      // All that find a lane are in.
      await expect(canvas).toHaveAttribute('data-waiting', '0');
      let [before, since, was] = [await screen.boxes(colors), Date.now(), 1];
      expect(before.size).toBeGreaterThan(40);
      const count = await canvas.getAttribute('data-on-stage');
      for (const ratio of [2, 1.5, 1]) {
        await screen.becomes(ratio);
        await expect
          .poll(() => canvas.evaluate(({ width, height }) => [width, height]), { intervals: [20], timeout: 1_000 })
          .toEqual([width * ratio, height * ratio]);
        const after = await screen.boxes(colors);
        const boxes = [...after.values()];
        expect(boxes.filter((box, n) => boxes.slice(n + 1).some((other) => meets(box, other)))).toEqual([]);
        // Those that had a quarter more than this way to go.
        const way = ((Date.now() - since) * width) / 8_000;
        const lost = [...before].filter(([color, { left }]) => left / was > 1.25 * way + 50 && !after.has(color));
        expect(lost).toEqual([]);
        [before, since, was] = [after, Date.now(), ratio];
      }
      await expect(canvas).toHaveAttribute('data-on-stage', count);
    });
  });
});

test('the overlay page paints nothing outside of the danmu: not one pixel', async ({ page, otherPage }) => {
  await enter(page);
  await enter(otherPage, '/overlay/demo');
  // Danmu of other tests may still be on their way across.
  await expect.poll(async () => (await pictureOf(otherPage)).visible, { timeout: 15_000 }).toBe(0);
  const text = fresh('one line');
  await say(page, text);
  await drawn(otherPage, await line(page, text).getAttribute('data-id'));
  await expect.poll(async () => (await pictureOf(otherPage)).visible).toBeGreaterThan(500);
  const { top, bottom, height } = await pictureOf(otherPage);
  // The topmost lane: the text, half as high again.
  expect(top).toBeGreaterThanOrEqual(0);
  expect(bottom).toBeLessThanOrEqual(Math.round(Math.round(height * 0.035) * 1.5));
});
