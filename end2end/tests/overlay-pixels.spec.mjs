// How danmu look: against a stored picture, with fonts that are the same on every machine; and that the overlay paints
// nothing but them.
import { test, expect } from '../lib/test.mjs';
import { alone } from '../lib/alone.mjs';
import { stopClock, stopWorker, untilOnStage } from '../lib/clock.mjs';
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
async function showScripts(page, clock) {
  await page.evaluate((said) => {
    for (const [n, [text, color]] of said.entries()) {
      window.overlay.show(String(n), text, color, n % 2 ? 'bottom' : 'top');
    }
  }, SAID);
  await untilOnStage(page, clock, SAID.length);
}

const TEXTS = SAID.map(([text]) => text);
const SMALL = { viewport: { width: 640, height: 360 } };
const LIKE = { maxDiffPixelRatio: 0.002 };

for (const density of [1, 1.5, 2]) {
  test.describe(`at ${density} device pixels`, () => {
    test.use({ ...SMALL, deviceScaleFactor: density });

    test('texts of all scripts look as they are to look', async ({ page }) => {
      const clock = await stopClock(await alone(page, TEXTS));
      await showScripts(page, clock);
      await expect(page).toHaveScreenshot(`scripts-${density}.png`, { scale: 'device', ...LIKE });
    });
  });
}

test.describe('on a page from the right to the left', () => {
  test.use(SMALL);

  test('texts look as on any other', async ({ page }) => {
    const clock = await stopClock(await alone(page, TEXTS, 'rtl'));
    await showScripts(page, clock);
    await expect(page).toHaveScreenshot('scripts-1.png', { scale: 'device', ...LIKE });
  });
});

test.describe('when the screen gets other pixels and the page keeps its size', () => {
  test.describe('danmu that stand still', () => {
    test.use(SMALL);

    test('look at once as if it had always had them', async ({ page }) => {
      const clock = await stopClock(await alone(page, TEXTS));
      const screen = await screenOf(page);
      await showScripts(page, clock);
      await screen.becomes(2);
      await expect(async () => {
        expect(await screen.picture()).toMatchSnapshot('scripts-2.png', LIKE);
      }).toPass({ timeout: 60_000 });
    });
  });

  test.describe('danmu that fly', () => {
    const [width, height] = [1280, 720];
    test.use({ viewport: { width, height } });

    test('are all still there, and none overlaps another', async ({ page }) => {
      const clock = await stopClock(await alone(page, ['弹幕']));
      const screen = await screenOf(page);
      const canvas = page.locator('canvas');
      const colors = Array.from({ length: 60 }, (_, n) => colorOf(n));
      for (const [n, color] of colors.entries()) {
        await page.evaluate(([n, color]) => window.overlay.show(String(n), '弹幕'.repeat(1 + (n % 4)), color), [n, color]);
        await clock.pass(50);
      }
      // All that find a lane are in.
      await expect(async () => {
        await clock.pass(250);
        expect(await canvas.getAttribute('data-waiting')).toBe('0');
      }).toPass({ intervals: [20] });
      const before = await screen.boxes(colors);
      expect(before.size).toBeGreaterThan(40);
      const count = await canvas.getAttribute('data-on-stage');
      for (const ratio of [2, 1.5, 1]) {
        await screen.becomes(ratio);
        await expect
          .poll(() => canvas.evaluate(({ width, height }) => [width, height]))
          .toEqual([width * ratio, height * ratio]);
        const after = await screen.boxes(colors);
        const boxes = [...after.values()];
        expect(boxes.filter((box, n) => boxes.slice(n + 1).some((other) => meets(box, other)))).toEqual([]);
        // No time has passed: all are where they were.
        const moved = [...before].filter(([color, { left }]) => !(Math.abs((after.get(color)?.left ?? NaN) / ratio - left) < 2));
        expect(moved).toEqual([]);
      }
      await expect(canvas).toHaveAttribute('data-on-stage', count);
    });
  });
});

test('the overlay page paints nothing outside of the danmu: not one pixel', async ({ page, otherPage }) => {
  await enter(page);
  await enter(otherPage, '/overlay/demo');
  // Danmu of other tests may still be on their way across.
  await expect.poll(async () => (await pictureOf(otherPage)).visible).toBe(0);
  const clock = await stopWorker(otherPage);
  const text = fresh('one line');
  await say(page, text);
  await untilOnStage(otherPage, clock, 1);
  await clock.pass(2_000);
  await drawn(otherPage, await line(page, text).getAttribute('data-id'));
  await expect.poll(async () => (await pictureOf(otherPage)).visible).toBeGreaterThan(500);
  const { top, bottom, height } = await pictureOf(otherPage);
  // The topmost lane: the text, half as high again.
  expect(top).toBeGreaterThanOrEqual(0);
  expect(bottom).toBeLessThanOrEqual(Math.round(Math.round(height * 0.035) * 1.5));
});
