// The page of the AWS article that this project grew from, with the libraries of its time.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test, expect } from '../lib/test.mjs';
import { enter, fresh, line, lines, say } from '../lib/room.mjs';

const { resolve } = createRequire(import.meta.url);
const here = (path) => new URL(path, import.meta.url).pathname;
const scripts = {
  'aws-sdk.js': resolve('aws-sdk/dist/aws-sdk.min.js'),
  'jquery.js': resolve('jquery/dist/jquery.min.js'),
  'jquery.cookie.js': resolve('jquery.cookie/jquery.cookie.js'),
  'article.js': here('../article/article.js'),
};

// Synchronous requests are deprecated; the article makes them all the same.
test.use({ tolerated: /Synchronous XMLHttpRequest/ });

/** Opens the article's page as if our server hosted it: that is where the article puts the vending machine. */
async function openArticle(page, server) {
  await page.route('**/article.html*', async (route) =>
    route.fulfill({ contentType: 'text/html; charset=utf-8', body: await readFile(here('../article/article.html')) }),
  );
  await page.route('**/article/*.js', async (route) => {
    const name = new URL(route.request().url()).pathname.split('/').pop();
    await route.fulfill({ contentType: 'text/javascript; charset=utf-8', body: await readFile(scripts[name]) });
  });
  // A page that Playwright answers for has no address, so the browser takes it for a far one.
  await page.context().grantPermissions(['local-network-access']);
  page.on('dialog', (dialog) => dialog.accept());
  await page.goto(`/article.html?endpoint=${encodeURIComponent(server.endpoint)}`);
  await expect(page.locator('body')).toHaveAttribute('data-rounds', /^[1-9]/);
}

async function putFromArticle(page, text) {
  await page.locator('#text').fill(text);
  const said = page.waitForEvent('dialog');
  await page.locator('#text').press('Enter');
  expect((await said).message()).toBe('成功发送消息!');
}

test('the page exchanges danmu with ours, both ways', async ({ page, otherPage, server }) => {
  await enter(page);
  await openArticle(otherPage, server);

  const theirs = fresh('来自文章的弹幕');
  await putFromArticle(otherPage, theirs);
  await expect(line(page, theirs)).toHaveCount(1);
  await expect(otherPage.locator('#messages li').filter({ hasText: theirs })).toHaveCount(1);

  const ours = fresh('an answer');
  await say(page, ours);
  const record = otherPage.locator('#messages li').filter({ hasText: ours });
  await expect(record).toHaveCount(1);
  const [json] = (await record.textContent()).split('\n');
  expect(JSON.parse(json)).toMatchObject({ v: 1, room: 'demo', text: ours });
});

test('its loop, which never pauses, goes on beside our reader', async ({ page, otherPage, server }) => {
  await enter(page);
  await openArticle(otherPage, server);
  const rounds = async () => Number(await otherPage.locator('body').getAttribute('data-rounds'));
  const before = await rounds();
  await expect.poll(rounds).toBeGreaterThan(before + 3);
});

test('the session lives in cookies and is used again', async ({ page, server }) => {
  await openArticle(page, server);
  const names = (await page.context().cookies()).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['accessKeyId', 'secretAccessKey', 'sessionToken', 'expiration']));
  let asked = 0;
  page.on('request', (request) => (asked += Number(request.url().includes('getCertification.action'))));
  await page.reload();
  await expect(page.locator('body')).toHaveAttribute('data-rounds', /^[1-9]/);
  expect(asked).toBe(0);
});

test('what it may put and we may not show never reaches our page', async ({ page, otherPage, server }) => {
  await enter(page);
  await openArticle(otherPage, server);
  for (const text of ['abc\u202Edef', 'ring\u0007', '   ', 'x'.repeat(9_000)]) await putFromArticle(otherPage, text);
  const harmless = `<script>window.pwned = 1</script> ${fresh('last')}`;
  await putFromArticle(otherPage, harmless);
  await expect(line(page, harmless).locator('.said')).toHaveText(harmless);
  const shown = (await lines(page).locator('.said').allInnerTexts()).join('\n');
  expect(shown).not.toMatch(/[\u202A-\u202E\u0007]|x{9000}/);
  expect(await page.evaluate(() => window.pwned)).toBeUndefined();
});
