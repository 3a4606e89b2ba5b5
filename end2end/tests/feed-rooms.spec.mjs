// One browser in many rooms: over HTTP/1.1 it has six connections to a server, whatever it opens.
import { test, expect } from '../lib/test.mjs';
import { startServer } from '../lib/server.mjs';
import { drawn, enter, fresh, line, say } from '../lib/room.mjs';

const ROOMS = Array.from({ length: 10 }, (_, n) => `room-${n}`);
// Without a video: twenty of them are most of what such windows cost a machine.
const FILE = ROOMS.map(
  (id) => `[[rooms]]\nid = '${id}'\nvideo = ''\nunsigned = 'allow'\nper_minute = 6000\nburst = 100\n`,
).join('');

/** Opens a page of each of these rooms; gives them by their rooms. */
async function openAll(context, server, rooms = ROOMS) {
  const pages = new Map();
  for (const room of rooms) {
    const page = await context.newPage();
    await enter(page, `${server.origin}/room/${room}`);
    pages.set(room, page);
  }
  return pages;
}

/** How many feeds the server tells at the moment. */
async function viewers(server) {
  const metrics = await (await fetch(`${server.origin}/metrics`)).text();
  return [...metrics.matchAll(/^danmu_viewers\{room="[^"]*"\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

test.describe('ten windows of ten rooms', () => {
  // One after the other: each is as many windows as a machine may have.
  test.describe.configure({ mode: 'default' });

  let server;
  test.beforeEach(async () => {
    server = await startServer({}, FILE);
  });
  test.afterEach(async ({ context, otherPage }) => {
    await Promise.all([context.close(), otherPage.context().close()]);
    await server.stop();
  });

  test('all receive and send, and each hears its own room alone', async ({ context, otherPage }) => {
    const here = await openAll(context, server);
    const there = await openAll(otherPage.context(), server);
    const said = [];
    for (const room of ROOMS) {
      for (const [from, to] of [
        [here, there],
        [there, here],
      ]) {
        const text = fresh(`in ${room}`);
        await say(from.get(room), text);
        said.push([room, text, from.get(room), to.get(room)]);
      }
    }
    for (const [, text, from, to] of said) {
      await expect(line(from, text)).toHaveAttribute('data-state', 'confirmed');
      await expect(line(to, text)).toHaveCount(1);
    }
    const [room, text, , to] = said.at(-1);
    await drawn(to, await line(to, text).getAttribute('data-id'));
    for (const page of here.values()) {
      await expect(page.locator('[data-chat] li')).toHaveCount(2);
      await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
    }
    expect(room).toBe(ROOMS.at(-1));
    expect(await viewers(server)).toBe(20);
  });

  test('go on when the one that listens for the others closes, and lose and repeat nothing', async ({
    context,
    otherPage,
  }) => {
    const rooms = ROOMS.slice(0, 6);
    const pages = await openAll(context, server, rooms);
    const speakers = await openAll(otherPage.context(), server, rooms.slice(2));
    // The first two have connections of their own; the third listens for itself and all that follow.
    const rest = rooms.slice(3);
    const before = new Map(rest.map((room) => [room, fresh('before')]));
    for (const [room, text] of before) await say(speakers.get(room), text);
    for (const [room, text] of before) await expect(line(pages.get(room), text)).toHaveCount(1);
    await pages.get(rooms[2]).close();
    const after = new Map(rest.map((room) => [room, fresh('after')]));
    for (const [room, text] of after) await say(speakers.get(room), text);
    for (const room of rest) {
      const lines = pages.get(room).locator('[data-chat] li');
      await expect(line(pages.get(room), after.get(room))).toHaveCount(1);
      await expect(lines).toHaveCount(2);
    }
    await expect.poll(() => viewers(server)).toBe(5 + 4);
    // Nobody is listened for who is gone.
    await pages.get(rooms[5]).close();
    await expect.poll(() => viewers(server)).toBe(4 + 4);
  });

  test('go on when the one that listens for the others stands still', async ({ context, otherPage }) => {
    const rooms = ROOMS.slice(0, 5);
    const pages = await openAll(context, server, rooms);
    const [room] = rooms.slice(-1);
    await enter(otherPage, `${server.origin}/room/${room}`);
    const dialog = pages.get(rooms[2]).waitForEvent('dialog');
    const still = pages.get(rooms[2]).evaluate(() => alert('nothing moves'));
    const open = await dialog;
    const text = fresh('while one stands still');
    await say(otherPage, text);
    await expect(line(pages.get(room), text)).toHaveCount(1);
    await open.accept();
    await still;
    const next = fresh('all move');
    await say(otherPage, next);
    await expect(line(pages.get(room), next)).toHaveCount(1);
    await expect(pages.get(room).locator('[data-chat] li')).toHaveCount(2);
  });
});
