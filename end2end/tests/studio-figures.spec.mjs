import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, say } from '../lib/room.mjs';
import { openStudio, row } from '../lib/studio.mjs';

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

test('the last hour is charts that are read at a glance, in words and as tables', async ({ page, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const text = fresh('often');
  for (let n = 0; n < 2; n += 1) await say(otherPage, text);
  await expect(row(page, text).first()).toBeVisible();
  const hour = page.locator('[data-hour]');
  await expect(hour.locator('[data-chart]')).toHaveCount(3);
  await expect(hour.locator('[data-chart=chart-viewers] [data-last]')).toHaveText(/[1-9]/, { timeout: 30_000 });
  await expect(hour.getByRole('img', { name: /^Viewers .*in the last hour between/ })).toBeVisible();
  const table = hour.locator('[data-chart=chart-danmu] details');
  await table.locator('summary').click();
  await expect(table.locator('thead th')).toHaveText(['Time', 'Danmu a minute', 'Refused']);
  await expect(table.locator('tbody tr').first()).toBeVisible();
  await expect(hour.locator('[data-ranks=words]')).toContainText(text, { timeout: 30_000 });
});

test('in a dock the charts are folded away', async ({ page }) => {
  await openStudio(page, server);
  await page.setViewportSize({ width: 400, height: 700 });
  await page.goto(`${server.origin}/studio/demo?dock`);
  await expect(page.locator('[data-hour]')).not.toHaveAttribute('open', '');
  await page.locator('[data-hour] > summary').click();
  await expect(page.locator('[data-chart=chart-danmu]')).toBeVisible();
});
