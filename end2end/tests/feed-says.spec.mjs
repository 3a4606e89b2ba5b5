import { test, expect } from '../lib/test.mjs';
import { lines, line } from '../lib/room.mjs';

const event = (name, data) => `event: ${name}\nid: 1~shardId-000000000000~1~1\ndata: ${JSON.stringify(data)}\n\n`;
const danmu = (id, text, more = {}) => ({ id: `s${id}`, text, at: Date.now(), ...more });

/** What a relay may say, as it says it: merged danmu, a gap, and danmu that there is no room for. */
const feed = () =>
  event('hello', { reading: 'live', now: Date.now(), danmu: [danmu(1, 'said before')] }) +
  event('message', { danmu: [danmu(2, '666', { n: 3 })] }) +
  event('gap', { missed: 12 }) +
  event('message', { danmu: [danmu(3, 'after the gap')], dropped: 37 });

for (const [locale, gap, unshown] of [
  ['en-US', '12 danmu were missed here', '+37 not shown'],
  ['zh-CN', '这里错过了 12 条弹幕', '另有 37 条未显示'],
]) {
  test.describe(locale, () => {
    test.use({ locale, viewport: { width: 390, height: 844 }, tolerated: /ERR_/ });

    test('merged danmu say how many, gaps and what is not shown are said where they belong', async ({ page }, testInfo) => {
      await page.clock.install();
      let answered = 0;
      await page.route('**/events?*', (route) => {
        answered += 1;
        if (answered > 1) return route.abort();
        return route.fulfill({ contentType: 'text/event-stream', body: feed() });
      });
      await page.goto('/room/demo');
      await expect(line(page, '666')).toHaveText(/666\s*×3/);
      await expect(lines(page)).toHaveCount(4);
      const third = lines(page).nth(2);
      await expect(third).toHaveText(gap);
      await expect(third).toHaveAttribute('data-state', 'gap');
      const counter = page.locator('[data-unshown]');
      await expect(counter).toHaveText(unshown);
      await expect(counter).toBeVisible();
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overflow).toBe(0);
      await page.screenshot({ path: testInfo.outputPath('says.png') });
      // It goes when nothing more was left out for a while.
      await page.clock.runFor(10_000);
      await expect(counter).toBeHidden({ timeout: 12_000 });
    });
  });
}
