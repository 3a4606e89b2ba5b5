// A room as a viewer meets it.
import { expect } from '@playwright/test';

/** Opens a page with danmu on it, and waits until it reads and, if it has a composer, can send. */
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
 * What is to be seen of `page`, as it looks over something else: the number of pixels that are not fully transparent, the
 * first and the last row that have any (the last one being outside), and the rows of all.
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

/** How many pixels of `page`, as it looks, are not fully transparent. */
export const visiblePixels = async (page) => (await pictureOf(page)).visible;

let said = 0;
/** A text that no other test says. */
export const fresh = (text) => `${text} ${process.pid}-${(said += 1)}`;
