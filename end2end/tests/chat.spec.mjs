import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test, expect } from '../lib/test.mjs';
import { startServer } from '../lib/server.mjs';
import { enter, lines } from '../lib/room.mjs';

/** Notes each time that the way to the newest line comes (true) or goes (false). */
async function watch(page) {
  await page.evaluate(() => {
    const newest = document.querySelector('.newest');
    window.changes = [];
    new MutationObserver(() => window.changes.push(!newest.hidden)).observe(newest, { attributeFilter: ['hidden'] });
  });
  return () => page.evaluate(() => window.changes);
}

/** Waits until as many lines have come as the chat keeps: all are others then. */
async function more(page) {
  const last = await lines(page).last().getAttribute('data-id');
  await expect(page.locator(`[data-chat] li[data-id="${last}"]`)).toHaveCount(0);
}

test('the chat follows a busy room, and stays where its reader scrolls to', async ({ page }) => {
  const server = await startServer();
  const crowd = spawn(process.env.E2E_SERVER, ['crowd', '--url', server.origin, '--viewers', '30', '--rate', '120']);
  try {
    await enter(page, `${server.origin}/room/demo`);
    const list = page.getByRole('log');
    // All lines that it may have, so that old ones go while new ones come.
    await expect(lines(page)).toHaveCount(200);
    const newest = page.locator('.newest');
    const seen = await watch(page);
    await more(page);
    expect(await seen()).toEqual([]);
    await list.hover();
    await page.mouse.wheel(0, -600);
    await expect(newest).toBeVisible();
    await more(page);
    expect(await seen()).toEqual([true]);
    await newest.click();
    await expect(newest).toBeHidden();
  } finally {
    crowd.kill();
    await once(crowd, 'exit');
    await page.goto('about:blank');
    await server.stop();
  }
});
