import { readFile } from 'node:fs/promises';
import { test, expect } from '../lib/test.mjs';
import { composer, enter, input } from '../lib/room.mjs';

// The server is held to the same list, by a test in `server/identity/src/unicode.rs`.
const cases = JSON.parse(await readFile(new URL('../lib/graphemes.json', import.meta.url), 'utf8'));

async function counts(page, wanted) {
  await enter(page);
  for (const example of cases) {
    await input(page).fill(example.text);
    await expect(composer(page).locator('.count'), example.what).toHaveText(`${wanted(example)} of 100`);
  }
}

test('the composer counts hard texts as the server does', async ({ page }) => {
  await counts(page, ({ graphemes }) => graphemes);
});

test('without a segmenter it counts all but a few scripts as the server does', async ({ page }) => {
  await page.addInitScript(() => delete Intl.Segmenter);
  await counts(page, ({ graphemes, without_segmenter }) => without_segmenter ?? graphemes);
});
