import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh } from '../lib/room.mjs';
import { ready } from '../lib/studio.mjs';

test.use({ tolerated: /status of (403|404|409)/ });

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

const handOver = (page) => page.locator('[data-hand-over]');

/** Makes a room in the browser, and opens its studio; returns its streamer key. */
async function makeRoom(page, id) {
  await page.goto(`${server.origin}/studio`);
  await page.locator('[name=title]').fill('Late show');
  await page.locator('[name=id]').fill(id);
  await page.locator('.make button[type=submit]').click();
  const key = await page.locator('[data-key]').textContent();
  await page.locator('[data-made] a').click();
  await ready(page);
  return key;
}

/** Opens the studio of a room by a key. */
async function open(page, id, key) {
  await page.goto(`${server.origin}/studio/${id}`);
  await page.locator('#key').fill(key);
  await page.locator('form button').click();
}

/** Makes a new key, which is asked twice; returns it. */
async function renew(page) {
  await handOver(page).locator('[data-new-key]').click();
  await expect(handOver(page).locator('[data-new-key]')).toContainText('Really?');
  await expect(handOver(page).locator('[data-key]')).toHaveCount(0);
  await handOver(page).locator('[data-new-key]').click();
  await expect(handOver(page).locator('[data-key]')).toHaveCount(1);
  return handOver(page).locator('[data-key]').textContent();
}

test('the streamer changes the key and stays, then hands the room over and leaves', async ({ page, otherPage }) => {
  const id = fresh('handed').replaceAll(/[^a-z0-9]+/g, '-');
  const first = await makeRoom(page, id);
  await open(otherPage, id, first);
  await ready(otherPage);

  await handOver(page).locator('summary').click();
  const second = await renew(page);
  expect(second).not.toBe(first);
  await page.reload();
  await ready(page);
  await otherPage.goto(`${server.origin}/studio/${id}`);
  await expect(otherPage.locator('#key')).toBeVisible();
  await open(otherPage, id, first);
  await expect(otherPage.locator('[data-problem]')).toContainText('The streamer key is wrong');

  await handOver(page).locator('summary').click();
  await handOver(page).locator('[data-stay]').uncheck();
  const third = await renew(page);
  await expect(handOver(page)).toContainText('you are not the streamer here any more');
  await expect(handOver(page).locator('[data-new-key]')).toBeHidden();
  await handOver(page).locator('[data-leave]').click();
  await page.waitForURL(`${server.origin}/studio`);
  await page.goto(`${server.origin}/studio/${id}`);
  await expect(page.locator('#key')).toBeVisible();
  await open(otherPage, id, third);
  await ready(otherPage);
});

test('a room is deleted once its address is typed, and stays gone', async ({ page, otherPage }) => {
  const id = fresh('gone').replaceAll(/[^a-z0-9]+/g, '-');
  await makeRoom(page, id);
  await enter(otherPage, `${server.origin}/room/${id}`);
  await page.locator('[data-room-form] summary').click();
  const [again, button] = [page.locator('[data-delete-room] [name=again]'), page.locator('[data-delete]')];
  await expect(button).toBeDisabled();
  await again.fill('demo');
  await expect(button).toBeDisabled();
  await again.fill(id);
  await button.click();
  await page.waitForURL(`${server.origin}/studio`);
  await expect(page.locator(`.cards a[href="/studio/${id}"]`)).toHaveCount(0);
  // Who is still there is told.
  await expect(otherPage.locator('[data-feed]')).toHaveAttribute('data-state', 'stopped');
  await page.goto(`${server.origin}/studio/${id}`);
  await expect(page.locator('[data-problem]')).toContainText(id);
  await page.goto(`${server.origin}/studio`);
  await page.locator('[name=title]').fill('Mine now');
  await page.locator('[name=id]').fill(id);
  await page.locator('.make button[type=submit]').click();
  await expect(page.locator('.make [data-problem]')).toContainText('or there was one');
});
