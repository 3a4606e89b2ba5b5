// Page helpers for the studio, as a streamer uses it.
import { expect } from '@playwright/test';

/** The streamer key of `demo`, as the server's start shows it. */
export const streamerKey = (server) => /streamer key (\S+)/.exec(server.output())[1];

/** Opens the studio of `demo` by its key. */
export async function openStudio(page, server) {
  await page.goto(`${server.origin}/studio/demo`);
  await page.locator('#key').fill(streamerKey(server));
  await page.locator('form button').click();
  await ready(page);
}

/** Waits until the studio's list is live. */
export const ready = (page) => expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');

export const rows = (page) => page.locator('[data-desk] > li');
export const row = (page, text) => rows(page).filter({ hasText: text });
export const decided = (page) => page.locator('[data-decided] > li');
/** The list that is scrolled and that takes keys. */
export const list = (page) => page.locator('.desk .lines');

/** Presses a button of a row, which shows when one points at the row. */
export async function act(page, text, what) {
  await row(page, text).hover();
  await row(page, text).locator(`[data-act=${what}]`).click();
}
