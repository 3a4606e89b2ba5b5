import { createServer } from 'node:http';
import { once } from 'node:events';
import { test, expect } from '../lib/test.mjs';
import { stopWorker, untilOnStage } from '../lib/clock.mjs';
import { drawn, enter, fresh, line, say, visiblePixels } from '../lib/room.mjs';

const listed = (page, text) => page.locator('.danmu-list .danmu-line').filter({ hasText: text });

test('a list shows the last danmu as its address says, and nothing else', async ({ page, otherPage }, testInfo) => {
  await enter(page, '/overlay/demo?style=list&size=150&max=3&outline=shadow&filter=Spoiler');
  await enter(otherPage);
  const texts = [1, 2, 3, 4].map((n) => fresh(`line ${n}`));
  await say(otherPage, fresh('a SPOILER'));
  for (const text of texts) {
    await say(otherPage, text);
    await expect(listed(page, text)).toHaveCount(1);
  }
  await expect(page.locator('.danmu-line .danmu-text')).toHaveText(texts.slice(1));
  await expect(page.locator('.danmu-line .danmu-name')).toHaveText(Array(3).fill(/^Guest [0-9a-f]{4}\s*$/));
  const look = await page.locator('.danmu-list ol').evaluate((list) => {
    const { fontSize, textShadow } = getComputedStyle(list);
    return { fontSize, textShadow };
  });
  expect(look.fontSize).toBe('37.5px');
  expect(look.textShadow).not.toBe('none');
  await page.screenshot({ path: testInfo.outputPath('list.png'), omitBackground: true });
  // Transparent but for the text.
  const visible = await visiblePixels(page);
  expect(visible).toBeGreaterThan(100);
  expect(visible).toBeLessThan(1280 * 200);
});

test('names stand in front of danmu that fly where the address says so, and a list goes without', async ({
  page,
  context,
  otherPage,
}) => {
  const [plain, list] = [await context.newPage(), await context.newPage()];
  await enter(page, '/overlay/demo?names=yes');
  await enter(plain, '/overlay/demo');
  await enter(list, '/overlay/demo?style=list&names=no');
  await enter(otherPage);
  const clocks = await Promise.all([page, plain].map(stopWorker));
  const text = fresh('who');
  await say(otherPage, text);
  const id = await line(otherPage, text).getAttribute('data-id');
  await Promise.all([page, plain].map((each, n) => untilOnStage(each, clocks[n], 1)));
  // All of it is in the picture, with a name that is that much more to see.
  await Promise.all(clocks.map((clock) => clock.pass(3_000)));
  await Promise.all([drawn(page, id), drawn(plain, id)]);
  await expect(listed(list, text)).toHaveText(text);
  await expect
    .poll(async () => (await visiblePixels(page)) / (await visiblePixels(plain)))
    .toBeGreaterThan(1.3);
});

test('danmu fly as the address says, and one with a hidden word does not', async ({ page, otherPage }) => {
  await enter(page, '/overlay/demo?size=200&area=25&lanes=1&filter=剧透,spoiler');
  await enter(otherPage);
  const [hidden, text] = [fresh('这是剧透'), fresh('fine')];
  await say(otherPage, hidden);
  await say(otherPage, text);
  await drawn(page, await line(otherPage, text).getAttribute('data-id'));
  const id = await line(otherPage, hidden).getAttribute('data-id');
  expect(await page.evaluate((id) => window.shown.some((danmu) => danmu.id === id), id)).toBe(false);
  await expect(page.locator('[data-problem]')).toHaveText('');
});

const WRONG = /size=900: 50 to 200; colour: there is no such option/;

test('what an address cannot mean is said where nobody on air sees it', async ({ page }) => {
  await page.addInitScript(() => (window.obsstudio = { pluginVersion: '2.24.0' }));
  await enter(page, '/overlay/demo?size=900&colour=red');
  await expect(page.locator('[data-problem]')).toHaveText(WRONG);
  await expect(page.locator('[data-note]')).toBeHidden();
  expect(await visiblePixels(page)).toBe(0);
});

test('what an address cannot mean is shown to who opens it in a browser, and in no scene of another site', async ({ page, server }) => {
  const address = `${server.origin}/overlay/demo?size=900&colour=red`;
  await enter(page, address);
  await expect(page.locator('[data-note]')).toBeVisible();
  await expect(page.locator('[data-note]')).toHaveText(WRONG);
  await enter(page, '/overlay/demo?size=150');
  await expect(page.locator('[data-note]')).toHaveCount(0);
  const scene = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html').end(`<iframe src="${address}"></iframe>`);
  });
  scene.listen(0, '127.0.0.1');
  await once(scene, 'listening');
  try {
    await page.goto(`http://localhost:${scene.address().port}/`);
    const framed = page.frameLocator('iframe');
    await expect(framed.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
    await expect(framed.locator('[data-note]')).toBeHidden();
  } finally {
    scene.close();
  }
});
