import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, say } from '../lib/room.mjs';
import { list, openStudio, row, rows } from '../lib/studio.mjs';

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

test('rows say their place in the list, and the keyboard goes through it from one end to the other', async ({ page, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const [first, last] = [fresh('first'), fresh('last')];
  await say(otherPage, first);
  await expect(row(page, first)).toHaveCount(1);
  await say(otherPage, last);
  await expect(row(page, last)).toHaveCount(1);
  const count = await rows(page).count();
  expect(count).toBeLessThanOrEqual(300);
  await expect(row(page, last)).toHaveAttribute('aria-posinset', String(count));
  await expect(row(page, last)).toHaveAttribute('aria-setsize', String(count));
  await list(page).focus();
  await page.keyboard.press('End');
  await expect(row(page, last)).toHaveAttribute('data-picked', 'true');
  await page.keyboard.press('Home');
  await expect(rows(page).first()).toHaveAttribute('data-picked', 'true');
  await expect(rows(page).first()).toBeInViewport();
  await page.keyboard.press('PageDown');
  await page.keyboard.press('End');
  await expect(row(page, last)).toBeInViewport();
});
