// The player and the composer's panel: what a viewer does besides typing.
import { test, expect } from '../lib/test.mjs';
import { startServer } from '../lib/server.mjs';
import { drawn, enter, fresh, input, line, say } from '../lib/room.mjs';

const note = (page) => page.locator('.stage .note:visible');

test('danmu fly although the video does not play, and the page says that it does not', async ({ page }) => {
  await page.route('**/sample.mp4', (route) => route.fulfill({ status: 200, contentType: 'video/mp4', body: 'no video' }));
  await enter(page);
  const text = fresh('who needs a picture');
  await say(page, text);
  await drawn(page, await line(page, text).getAttribute('data-id'));
  await expect(note(page)).toContainText('This video cannot be played here');
  await expect(page.locator('.player .note')).toHaveCount(0);
});

test.describe('a video that is refused', () => {
  test.use({ tolerated: /status of 40|Content Security Policy|ERR_/ });

  test('by its server is named so, and nothing lies over the danmu', async ({ page }, testInfo) => {
    await page.route('**/sample.mp4', (route) => route.fulfill({ status: 403, body: 'no' }));
    await enter(page);
    await expect(note(page)).toContainText('The video\'s server refuses it (403');
    await expect(note(page)).not.toContainText('browser');
    await page.screenshot({ path: testInfo.outputPath('refused.png') });
    const [picture, words] = [await page.locator('.player').boundingBox(), await note(page).boundingBox()];
    expect(words.y).toBeGreaterThanOrEqual(picture.y + picture.height);
  });

  test('by the policy of our own page is named so', async ({ page }) => {
    // From an address that the policy allows to one that it does not.
    await page.route('**/sample.mp4', (route) =>
      route.fulfill({ status: 302, headers: { location: 'http://192.0.2.1/film.mp4' } }),
    );
    await enter(page);
    await expect(note(page)).toContainText('The policy of this page forbids the video at');
  });
});

test('a room whose video is served over plain HTTP elsewhere may load it', async ({ page, server }) => {
  const video = `${server.endpoint.replace('127.0.0.1', 'localhost')}/film.mp4`;
  const one = await startServer({}, `[[rooms]]\nid = 'demo'\nvideo = '${video}'\nunsigned = 'allow'\n`);
  try {
    const bytes = await (await page.request.get('/sample.mp4')).body();
    await page.route(video, (route) => route.fulfill({ contentType: 'video/mp4', body: bytes }));
    await enter(page, `${one.origin}/room/demo`);
    await expect.poll(() => page.locator('video').evaluate((video) => video.readyState)).toBeGreaterThan(0);
    await expect(page.locator('.stage .note:visible')).toHaveCount(0);
  } finally {
    await page.close();
    await one.stop();
  }
});

test('the style panel closes by Escape, by leaving it and by sending, and its choice is sent', async ({ page }) => {
  await enter(page);
  const panel = page.locator('.style-panel');
  const open = () => page.locator('.style summary').click();
  await open();
  await expect(panel).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
  await open();
  await input(page).focus();
  await expect(panel).toBeHidden();
  await open();
  await page.getByRole('radio', { name: 'Red' }).check();
  await page.getByRole('radio', { name: 'Top' }).check();
  const text = fresh('in red');
  await say(page, text);
  await expect(panel).toBeHidden();
  await expect(line(page, text).locator('.said')).toHaveCSS('color', 'rgb(255, 92, 92)');
});

test('full screen keeps the composer, and its button leads back', async ({ page }) => {
  await enter(page);
  await page.getByRole('button', { name: 'Full screen' }).click();
  await expect(page.getByRole('button', { name: 'Leave full screen' })).toBeAttached();
  const text = fresh('large');
  await say(page, text);
  await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  await page.getByRole('button', { name: 'Leave full screen' }).click();
  await expect(page.getByRole('button', { name: 'Full screen', exact: true })).toBeAttached();
});
