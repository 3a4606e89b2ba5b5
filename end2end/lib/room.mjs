// Page helpers for a room, as a viewer uses it.
import { expect } from '@playwright/test';

/** Opens a page with danmu, and waits until its feed is live and, in a room, its composer is ready. */
export async function enter(page, address = '/room/demo') {
  await page.addInitScript(() => {
    window.shown = [];
    window.addEventListener('danmu:shown', (event) => {
      window.shown.push({ id: event.detail, at: performance.timeOrigin + performance.now() });
    });
  });
  await page.goto(address);
  if (address.startsWith('/room/')) await expect(composer(page)).toHaveAttribute('data-ready', 'true');
  await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
}

export const composer = (page) => page.locator('[data-composer]');
export const input = (page) => composer(page).locator('[name=text]');
export const problem = (page) => composer(page).locator('[data-problem]');
export const lines = (page) => page.locator('[data-chat] li');
export const line = (page, text) => lines(page).filter({ hasText: text });

/** Types a text and presses Enter. */
export async function say(page, text) {
  await input(page).fill(text);
  await input(page).press('Enter');
}

/** Waits until the overlay of `page` has drawn the danmu `id`. */
export async function drawn(page, id) {
  await page.waitForFunction((id) => window.shown.some((danmu) => danmu.id === id), id, { timeout: 60_000 });
}

/**
 * The visible part of `page`, on a transparent background: the number of pixels that are not fully transparent, the first
 * row that has any, the row below the last one, and the height of the picture.
 */
export async function pictureOf(page) {
  const picture = await page.screenshot({ omitBackground: true, type: 'png' });
  return page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const { width, height, data } = await createImageBitmap(new Blob([bytes], { type: 'image/png' })).then((bitmap) => {
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      context.drawImage(bitmap, 0, 0);
      return context.getImageData(0, 0, bitmap.width, bitmap.height);
    });
    let [visible, top, bottom] = [0, height, 0];
    for (let i = 3; i < data.length; i += 4) {
      if (data[i] === 0) continue;
      const row = Math.floor(i / 4 / width);
      visible += 1;
      top = Math.min(top, row);
      bottom = row + 1;
    }
    return { visible, top, bottom, height };
  }, picture.toString('base64'));
}

/** The number of pixels of `page` that are not fully transparent. */
export const visiblePixels = async (page) => (await pictureOf(page)).visible;

let said = 0;
/** A text that no other test sends. */
export const fresh = (text) => `${text} ${process.pid}-${(said += 1)}`;
