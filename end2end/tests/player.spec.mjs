// The player and the composer's panel: what a viewer does besides typing.
import { test, expect } from '../lib/test.mjs';
import { drawn, enter, fresh, input, line, say } from '../lib/room.mjs';

test('danmu fly although the video does not play, and the page says that it does not', async ({ page }) => {
  await page.route('**/sample.mp4', (route) => route.fulfill({ status: 200, contentType: 'video/mp4', body: 'no video' }));
  await enter(page);
  const text = fresh('who needs a picture');
  await say(page, text);
  await drawn(page, await line(page, text).getAttribute('data-id'));
  await expect(page.locator('.player .note').first()).toBeVisible();
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
