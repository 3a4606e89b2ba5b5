import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { drawn, enter, fresh, input, line, problem, say } from '../lib/room.mjs';
import { act, decided, list, openStudio, ready, row, rows, streamerKey } from '../lib/studio.mjs';

test.use({ tolerated: /status of (400|403|404|409)/ });

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

test('who has the streamer key opens the studio, in this browser only, and leaves it again', async ({ page, otherPage }) => {
  await page.goto(`${server.origin}/studio`);
  await page.locator('.cards a').click();
  await expect(page.locator('[data-desk]')).toHaveCount(0);
  await page.locator('#key').fill('not-the-key');
  await page.locator('form button').click();
  await expect(page.locator('[data-problem]')).toContainText('The streamer key is wrong');
  await expect(page.locator('#key')).toBeFocused();
  // However it is written.
  await page.locator('#key').fill(` ${streamerKey(server).toUpperCase().replaceAll('-', ' ')} `);
  await page.keyboard.press('Enter');
  await ready(page);
  await page.reload();
  await ready(page);
  await otherPage.goto(`${server.origin}/studio/demo`);
  await expect(otherPage.locator('#key')).toBeVisible();
  await page.getByRole('button', { name: 'Leave the studio' }).click();
  await expect(page.locator('#key')).toBeVisible();
  await page.goto(`${server.origin}/studio/nowhere`);
  await expect(page.locator('[data-problem]')).toContainText('nowhere');
});

test('a hidden danmu leaves every picture and list, and what else its author said stays', async ({ page, context, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const [overlay, viewer] = [await context.newPage(), await context.newPage()];
  await enter(overlay, `${server.origin}/overlay/demo?style=list`);
  await enter(viewer, `${server.origin}/room/demo`);
  const [bad, good] = ['this has to go', 'this may stay'].map(fresh);
  await say(otherPage, good);
  await say(otherPage, bad);
  const shown = (text) => [line(viewer, text), line(otherPage, text), overlay.locator('.danmu-line', { hasText: text }), row(page, text)];
  for (const each of [...shown(bad), ...shown(good)]) await expect(each).toHaveCount(1);
  await drawn(viewer, await line(viewer, bad).getAttribute('data-id'));

  await act(page, bad, 'hide');
  for (const each of shown(bad)) await expect(each).toHaveCount(0);
  for (const each of shown(good)) await expect(each).toHaveCount(1);
  await expect(decided(page).first()).toHaveText(`Hidden: “${bad}”`);
  await expect(page.locator('[data-said]')).toHaveText(`Hidden: “${bad}”`);
  // Whoever comes later, and whoever comes back.
  const later = await context.newPage();
  await enter(later, `${server.origin}/room/demo`);
  await viewer.reload();
  for (const each of [later, viewer]) {
    await expect(line(each, good)).toHaveCount(1);
    await expect(line(each, bad)).toHaveCount(0);
  }
  const more = fresh('and on');
  await say(otherPage, more);
  await expect(row(page, more)).toHaveCount(1);
});

test('a ban takes what was said with it and can be undone', async ({ page, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const bad = fresh('spam');
  await say(otherPage, bad);
  await page.locator('[data-length]').selectOption('3600');
  await act(page, bad, 'ban');
  await expect(row(page, bad)).toHaveCount(0);
  await expect(line(otherPage, bad)).toHaveCount(0);
  await expect(decided(page).first()).toContainText('is banned for 60 min');
  await say(otherPage, fresh('more'));
  await expect(problem(otherPage)).toContainText('You are banned here');
  await decided(page).first().getByRole('button', { name: 'Undo' }).click();
  await expect(decided(page).first()).toContainText('may speak again');
  const back = fresh('I am back');
  await expect(async () => {
    await input(otherPage).fill(back);
    await input(otherPage).press('Enter');
    await expect(row(page, back)).toHaveCount(1, { timeout: 2_000 });
  }).toPass();
});

test('all of it by keyboard, while the list stays where it is read', async ({ page, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const [first, second, third] = ['first', 'second', 'third'].map(fresh);
  for (const text of [first, second]) await say(otherPage, text);
  await expect(row(page, second)).toHaveCount(1);
  await list(page).focus();
  await page.keyboard.press('ArrowUp');
  await expect(row(page, second)).toHaveAttribute('data-picked', 'true');
  await page.keyboard.press('k');
  await expect(row(page, first)).toHaveAttribute('data-picked', 'true');
  // It is held: what comes waits.
  await say(otherPage, third);
  await expect(line(otherPage, third)).toHaveAttribute('data-state', 'confirmed');
  await expect(page.locator('.desk .newest')).toHaveText('1 new · back to the newest');
  await expect(row(page, third)).toHaveCount(0);
  await page.keyboard.press('h');
  await expect(row(page, first)).toHaveCount(0);
  await expect(line(otherPage, first)).toHaveCount(0);
  await expect(row(page, second)).toHaveAttribute('data-picked', 'true');
  await page.keyboard.press('Escape');
  await expect(row(page, third)).toHaveCount(1);
  await expect(page.locator('.desk .newest')).toBeHidden();
});

test('the list is searched, and shows what one viewer said', async ({ page, otherPage }) => {
  await openStudio(page, server);
  await enter(otherPage, `${server.origin}/room/demo`);
  const [needle, hay] = ['Needle', 'hay'].map(fresh);
  await say(otherPage, needle);
  await say(otherPage, hay);
  await expect(row(page, hay)).toHaveCount(1);
  await page.locator('[data-search]').fill(needle.toLowerCase());
  await expect(rows(page)).toHaveCount(1);
  await row(page, needle).locator('.author').click();
  await expect(row(page, hay)).toHaveCount(1);
  const viewer = await page.locator('[data-search]').inputValue();
  for (const each of await rows(page).locator('.danmu-name').all()) await expect(each).toHaveAttribute('title', viewer);
  await page.locator('[data-search]').fill('');
});

test('the overlay is made to look as it should, without CSS', async ({ page }) => {
  await openStudio(page, server);
  const address = page.locator('#overlay-address');
  await expect(page.locator('#watch-address')).toHaveValue(`${server.origin}/room/demo`);
  await expect(page.locator('#wall-address')).toHaveValue(`${server.origin}/wall/demo`);
  await expect(address).toHaveValue(`${server.origin}/overlay/demo`);
  await page.locator('.maker summary').click();
  const preview = page.frameLocator('[data-preview]');
  await expect(preview.locator('canvas')).toBeVisible();
  await page.getByLabel('A list', { exact: true }).check();
  await page.getByLabel('Size').fill('150');
  await page.getByLabel('A line disappears after seconds').fill('20');
  await page.getByLabel('Hide danmu with these words (separated by commas)').fill('spoiler, 剧透');
  const query = 'style=list&size=150&filter=spoiler%2C%20%E5%89%A7%E9%80%8F&fade=20';
  await expect(address).toHaveValue(`${server.origin}/overlay/demo?${query}`);
  await expect(preview.locator('ol[data-fades]')).toHaveCount(1);
  await expect(preview.locator('[data-problem]')).toHaveText('');
});

test('modes act at once, are said before one types, and are what everybody of the crew sees', async ({ page, context, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const second = await context.newPage();
  await second.goto(`${server.origin}/studio/demo`);
  await ready(second);
  const mode = (each, name) => each.locator(`[data-mode=${name}]`);
  await mode(page, 'members').click();
  for (const each of [page, second]) await expect(mode(each, 'members')).toHaveAttribute('aria-pressed', 'true');
  await expect(problem(otherPage)).toHaveText('Only signed-in members may speak here now.');
  const text = fresh('let me in');
  await say(otherPage, text);
  await expect(input(otherPage)).toHaveValue(text);
  await expect(line(otherPage, text)).toHaveCount(0);
  // Whoever comes now is told, too.
  await otherPage.reload();
  await expect(problem(otherPage)).toHaveText('Only signed-in members may speak here now.');
  await mode(second, 'members').click();
  await expect(problem(otherPage)).toBeHidden();
  await say(otherPage, text);
  await expect(row(page, text)).toHaveCount(1);

  await mode(page, 'emoji').click();
  await expect(problem(otherPage)).toHaveText('Only emoji are shown here now.');
  await say(otherPage, 'words');
  await expect(input(otherPage)).toHaveValue('words');
  await say(otherPage, '🎉🎉');
  await expect(row(page, '🎉🎉')).toHaveCount(1);
  await mode(page, 'emoji').click();
  await expect(problem(otherPage)).toBeHidden();

  await page.locator('[data-slow]').selectOption('30');
  await expect(second.locator('[data-slow]')).toHaveValue('30');
  await expect(decided(page).first()).toHaveText('On: Slow, 30 s');
  await say(otherPage, fresh('one'));
  await say(otherPage, fresh('two'));
  await expect(problem(otherPage)).toContainText(/too fast|seconds|s\./i);
  await page.locator('[data-slow]').selectOption('0');
  await expect(second.locator('[data-slow]')).toHaveValue('0');
});

test('a room is made, watched, changed and archived, with a browser alone', async ({ page, context, otherPage }) => {
  const id = fresh('late').replaceAll(/[^a-z0-9]+/g, '-');
  await page.goto(`${server.origin}/studio`);
  await page.locator('[name=title]').fill("Anna's Late Show");
  await expect(page.locator('[name=id]')).toHaveValue('anna-s-late-show');
  await page.locator('[name=id]').fill('demo');
  await page.locator('.make button[type=submit]').click();
  await expect(page.locator('.make [data-problem]')).toContainText('There is a room “demo” already');
  await page.locator('[name=id]').fill(id);
  await page.locator('[name=video]').fill('ftp://nowhere');
  await page.locator('.make button[type=submit]').click();
  await expect(page.locator('.make [data-problem]')).toContainText('“ftp://nowhere” is no address');
  await page.locator('[name=video]').fill('/sample.mp4');
  await page.locator('.make button[type=submit]').click();
  const key = await page.locator('[data-key]').textContent();
  expect(key.replaceAll('-', '')).toMatch(/^[0-9a-z]{28}$/);
  await page.locator('[data-made] a').click();
  await ready(page);
  await expect(page.locator('#watch-address')).toHaveValue(`${server.origin}/room/${id}`);

  // A viewer in another browser, and the overlay.
  await enter(otherPage, `${server.origin}/room/${id}`);
  await expect(otherPage.locator('h1')).toHaveText("Anna's Late Show");
  const overlay = await context.newPage();
  await enter(overlay, `${server.origin}/overlay/${id}?style=list`);
  const text = fresh('good evening');
  await say(otherPage, text);
  await expect(row(page, text)).toHaveCount(1);
  await expect(overlay.locator('.danmu-line', { hasText: text })).toHaveCount(1);
  await act(page, text, 'hide');
  for (const gone of [row(page, text), line(otherPage, text), overlay.locator('.danmu-line', { hasText: text })]) {
    await expect(gone).toHaveCount(0);
  }

  await page.locator('[data-room-form] summary').click();
  await page.locator('[data-room-form] [name=title]').fill('Nightcap');
  await page.locator('[data-room-form] button[type=submit]').click();
  await expect(page.locator('[data-room-form] [role=status]')).toHaveText('Saved');
  await otherPage.reload();
  await expect(otherPage.locator('h1')).toHaveText('Nightcap');
  await page.locator('[data-archive]').click();
  await expect(page.locator('[data-archive]')).toHaveText('Really? It ends for everybody');
  await page.locator('[data-archive]').click();
  await page.waitForURL(`${server.origin}/studio`);
  await expect(page.locator('.cards')).not.toContainText('Nightcap');
  // Who is still there is told.
  await expect(otherPage.locator('[data-feed]')).toHaveAttribute('data-state', 'stopped');
  await expect(otherPage.locator('[data-feed]')).toContainText(id);
  await otherPage.goto(`${server.origin}/room/${id}`);
  await expect(otherPage.locator('[data-problem]')).toContainText(id);
});

test('in a dock of OBS there is the list alone, and it fits', async ({ page, otherPage }) => {
  await openStudio(page, server);
  await enter(otherPage, `${server.origin}/room/demo`);
  await page.setViewportSize({ width: 300, height: 500 });
  await page.goto(await page.locator('#dock-address').inputValue());
  await ready(page);
  const text = fresh('seen in the dock');
  await say(otherPage, text);
  await expect(row(page, text)).toBeInViewport();
  await expect(page.locator('aside, .top')).toHaveCount(0);
  const [wide, high] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
  expect([wide <= 300, high <= 500]).toEqual([true, true]);
  await act(page, text, 'hide');
  await expect(row(page, text)).toHaveCount(0);
});
