import { test, expect } from '../lib/test.mjs';
import { startServer } from '../lib/server.mjs';
import { drawn, enter, fresh, line, lines, say } from '../lib/room.mjs';

test.describe('what the relay tells', () => {
  test('a page that only watches asks for no credentials', async ({ page, otherPage }) => {
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await enter(page);
    await enter(otherPage);
    const text = fresh('by the relay');
    await say(otherPage, text);
    await expect(line(page, text)).toHaveCount(1);
    await drawn(page, await line(page, text).getAttribute('data-id'));
    expect(asked.filter((path) => path.startsWith('/aws/') || path === '/api/session')).toEqual([]);
    expect(asked.filter((path) => path === '/rooms/demo/events')).toHaveLength(1);
  });

  test('who joins later reads what was said last, and sees none of it fly', async ({ page, otherPage }) => {
    await enter(otherPage);
    const text = fresh('before you came');
    await say(otherPage, text);
    await expect(line(otherPage, text)).toHaveAttribute('data-state', 'confirmed');
    await enter(page);
    await expect(line(page, text)).toHaveCount(1);
    expect(await page.evaluate(() => window.shown)).toEqual([]);
  });

  test('what is said while the page loads is not history, but flies', async ({ page, otherPage }) => {
    await enter(otherPage);
    let letIn;
    const said = new Promise((resolve) => (letIn = resolve));
    await page.route('**/rooms/demo/events?*', async (route) => {
      await said;
      await route.continue();
    });
    const asking = page.waitForRequest('**/rooms/demo/events?*');
    const entered = enter(page);
    await asking;
    const text = fresh('while you load');
    await say(otherPage, text);
    await expect(line(otherPage, text)).toHaveAttribute('data-state', 'confirmed');
    letIn();
    await entered;
    await drawn(page, await line(page, text).getAttribute('data-id'));
  });

  test('the page reads the stream itself where its address says so', async ({ page, otherPage }) => {
    const asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await enter(page, '/room/demo?feed=direct');
    await enter(otherPage);
    const text = fresh('straight off the stream');
    await say(otherPage, text);
    await expect(line(page, text)).toHaveCount(1);
    expect(asked.filter((path) => path.startsWith('/rooms/'))).toEqual([]);
  });
});

test.describe('a server that falls and comes back', () => {
  test.use({ tolerated: /ERR_|status of 50/ });

  test('costs no danmu and shows none twice', async ({ page, otherPage }) => {
    const server = await startServer();
    try {
      await enter(page, `${server.origin}/room/demo`);
      await enter(otherPage, `${server.origin}/room/demo`);
      const before = fresh('before');
      await say(otherPage, before);
      await expect(line(page, before)).toHaveCount(1);
      await server.fall();
      for (const each of [page, otherPage]) {
        await expect(each.locator('[data-feed]')).toHaveAttribute('data-state', 'reconnecting');
      }
      await server.rise();
      await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
      const after = fresh('after');
      await say(otherPage, after);
      for (const each of [page, otherPage]) {
        await expect(line(each, after)).toHaveCount(1);
        await expect(line(each, before)).toHaveCount(1);
        await expect(lines(each)).toHaveCount(2);
      }
    } finally {
      await Promise.all([page.close(), otherPage.close()]);
      await server.stop();
    }
  });
});
