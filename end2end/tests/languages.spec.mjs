import { test, expect, guard } from '../lib/test.mjs';
import { enter } from '../lib/room.mjs';

for (const [locale, lang, send, live] of [
  ['en-GB', 'en', 'Send', 'Live'],
  ['zh-CN', 'zh', '发送', '直播中'],
]) {
  test.describe(`a browser that asks for ${locale}`, () => {
    test.use({ locale });

    test('gets every page in its language', async ({ page }) => {
      await page.goto('/');
      await expect(page.locator('html')).toHaveAttribute('lang', lang);
      await enter(page);
      await expect(page.locator('html')).toHaveAttribute('lang', lang);
      await expect(page.getByRole('button', { name: send, exact: true })).toBeVisible();
      await expect(page.locator('[data-feed]')).toContainText(live);
    });

    test.describe('without scripts', () => {
      // Which are loaded ahead all the same, and Chromium says so after a while.
      test.use({ tolerated: /was preloaded using link preload but not used/ });

      test('gets it from the server, before any script', async ({ browser, server, complaints }) => {
        const context = await browser.newContext({ baseURL: server.origin, locale, javaScriptEnabled: false });
        guard(context, complaints);
        const page = await context.newPage();
        await page.goto('/room/demo');
        await expect(page.locator('html')).toHaveAttribute('lang', lang);
        await expect(page.getByText(send, { exact: true })).toBeVisible();
        await context.close();
      });
    });
  });
}

test('the switch changes the language at once, and for the next visit', async ({ page }) => {
  await enter(page);
  const button = page.locator('[data-language]');
  await button.click();
  await expect(page.getByRole('button', { name: '发送', exact: true })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh');
  await page.reload();
  await expect(page.getByRole('button', { name: '发送', exact: true })).toBeVisible();
  await button.click();
  await expect(page.getByRole('button', { name: 'Send', exact: true })).toBeVisible();
});
