import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, say } from '../lib/room.mjs';
import { act, openStudio, row } from '../lib/studio.mjs';

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

test('the studio says what was done, by whom and to whom, and exports it', async ({ page, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const bad = fresh('this has to go');
  await say(otherPage, bad);
  await expect(row(page, bad)).toHaveCount(1);
  await act(page, bad, 'hide');
  await expect(row(page, bad)).toHaveCount(0);

  const entries = page.locator('[data-audit-entries] > li');
  await expect(entries).toHaveCount(0);
  await page.locator('[data-audit] summary').click();
  await expect(entries.first()).toContainText('hid');
  await expect(entries.first()).toContainText(bad);
  await expect(entries.filter({ hasText: 'opened the studio by its key' })).toHaveCount(1);
  await expect(page.locator('[data-audit-problem]')).toHaveText('');
  await expect(page.locator('[data-older]')).toBeHidden();
  await page.locator('[data-audit-search]').fill(bad);
  await expect(entries).toHaveCount(1);
  await page.locator('[data-audit-search]').fill('');

  const downloading = page.waitForEvent('download');
  await page.locator('[data-export=csv]').click();
  expect((await downloading).suggestedFilename()).toBe('audit-demo.csv');
});
