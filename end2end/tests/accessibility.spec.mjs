import { createRequire } from 'node:module';
import { test, expect } from '../lib/test.mjs';
import { enter, fresh, line, say } from '../lib/room.mjs';
import { openStudio, rows } from '../lib/studio.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe finds on `page` that keeps somebody out. */
async function barriers(page) {
  await page.evaluate(await import('node:fs').then((fs) => fs.readFileSync(axe, 'utf8')));
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
}

for (const locale of ['en-US', 'zh-CN']) {
  test.describe(`in ${locale}`, () => {
    test.use({ locale, tolerated: /status of 404/ });

    for (const address of ['/', '/overlay/demo', '/wall/demo', '/room/nowhere']) {
      test(`${address} keeps nobody out`, async ({ page }) => {
        await page.goto(address);
        expect(await barriers(page)).toEqual([]);
      });
    }

    for (const [width, height, colorScheme] of [
      [360, 740, 'light'],
      [1280, 720, 'light'],
      [1280, 720, 'dark'],
    ]) {
      test(`the ${colorScheme} studio in a window of ${width} by ${height} keeps nobody out`, async ({ page, server }) => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height });
        await page.goto('/studio');
        expect(await barriers(page)).toEqual([]);
        await page.goto('/studio/demo');
        expect(await barriers(page)).toEqual([]);
        const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
        expect(ground).toBe(colorScheme === 'light' ? 'rgb(243, 245, 249)' : 'rgb(14, 16, 20)');
        await openStudio(page, server);
        await enter(await page.context().newPage());
        await say(page.context().pages()[1], fresh('seen by the crew'));
        await expect(rows(page).last()).toBeVisible();
        await page.locator('.maker summary').click();
        expect(await barriers(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      });
    }

    test('a room with danmu keeps nobody out', async ({ page }) => {
      await enter(page);
      const text = fresh('read me aloud');
      await say(page, text);
      await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
      await say(page, '');
      expect(await barriers(page)).toEqual([]);
    });

    for (const [width, height] of [
      [360, 740],
      [740, 360],
      [1280, 720],
    ]) {
      test(`choices in a window of ${width} by ${height} keep nobody out`, async ({ page }) => {
        await page.setViewportSize({ width, height });
        await enter(page);
        for (const panel of ['.settings', '.style']) {
          await page.locator('.player').hover();
          await page.locator(`${panel} summary`).click();
          await expect(page.locator(`${panel}-panel`)).toBeVisible();
          expect(await barriers(page), panel).toEqual([]);
          await page.keyboard.press('Escape');
        }
      });
    }
  });
}
