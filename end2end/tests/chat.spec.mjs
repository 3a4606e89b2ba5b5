import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test, expect } from '../lib/test.mjs';
import { startServer } from '../lib/server.mjs';
import { enter, lines } from '../lib/room.mjs';

test('the chat follows a busy room, and stays where its reader scrolls to', async ({ page }) => {
  const server = await startServer();
  const crowd = spawn(process.env.E2E_SERVER, ['crowd', '--url', server.origin, '--viewers', '30', '--rate', '120', '--seconds', '60']);
  try {
    await enter(page, `${server.origin}/room/demo`);
    const list = page.getByRole('log');
    // All lines that it may have, so that old ones go while new ones come.
    await expect(lines(page)).toHaveCount(200, { timeout: 20_000 });
    const newest = page.locator('.newest');
    for (let look = 0; look < 20; look += 1) {
      await page.waitForTimeout(50);
      await expect(newest).toBeHidden({ timeout: 1 });
    }
    await list.hover();
    await page.mouse.wheel(0, -600);
    await expect(newest).toBeVisible();
    await page.waitForTimeout(500);
    await expect(newest).toBeVisible();
    await newest.click();
    await expect(newest).toBeHidden();
  } finally {
    crowd.kill();
    await once(crowd, 'exit');
    await page.goto('about:blank');
    await server.stop();
  }
});
