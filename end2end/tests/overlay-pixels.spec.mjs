// How danmu look: against a stored picture, with fonts that are the same on every machine; and that the overlay paints
// nothing but them.
import { test, expect } from '../lib/test.mjs';
import { facesFor, loadFaces } from '../lib/fonts.mjs';
import { drawn, enter, fresh, line, pictureOf, say } from '../lib/room.mjs';

/** The family that the overlay asks for first; all of these fonts answer to it. */
const FAMILY = 'PingFang SC';

const SAID = [
  ['前方高能！这句话是中文。', 0xffffff],
  ['こんにちは、世界 カタカナ', 0xfe0302],
  ['مرحبا بالعالم 123', 0xffff00],
  ['Mixed 混在 Смесь mezclado', 0x00cd00],
  ['👍🏽 👩‍👩‍👧‍👦 ❤️ 🇨🇳', 0x89d5ff],
  ['dark on light', 0x222222],
];

/** A page with nothing but an overlay, which has the release's module and the fonts of this test. */
async function alone(page) {
  const text = async (path) => (await page.request.get(path)).text();
  const [pageGlue] = (await text('/')).match(/\/pkg\/[^"']+\.js/);
  // Where a page finds what draws.
  const glue = `/pkg/${(await text(pageGlue)).match(/danmu-overlay\.\w+\.js/)[0]}`;
  const html =
    '<!doctype html><style>body{margin:0;background:#345}canvas{width:100vw;height:100vh;display:block}</style><canvas></canvas>';
  await page.route('**/alone', (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await page.goto('/alone');
  const faces = facesFor(SAID.map(([text]) => text).join(''));
  const started = page.waitForEvent('worker');
  await page.evaluate(async (glue) => {
    const module = await import(glue);
    await module.default();
    window.overlay = new module.Overlay(document.querySelector('canvas'));
  }, glue);
  // The worker measures and paints; the page's fonts are not its own.
  await (await started).evaluate(loadFaces, { faces, family: FAMILY });
}

for (const density of [1, 1.5, 2]) {
  test.describe(`at ${density} device pixels`, () => {
    test.use({ viewport: { width: 640, height: 360 }, deviceScaleFactor: density });

    test('texts of all scripts look as they are to look', async ({ page }) => {
      await alone(page);
      await page.evaluate((said) => {
        for (const [n, [text, color]] of said.entries()) {
          window.overlay.show(String(n), text, color, n % 2 ? 'bottom' : 'top');
        }
      }, SAID);
      await expect(page.locator('canvas')).toHaveAttribute('data-on-stage', String(SAID.length));
      await expect(page).toHaveScreenshot(`scripts-${density}.png`, { scale: 'device', maxDiffPixelRatio: 0.002 });
    });
  });
}

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
