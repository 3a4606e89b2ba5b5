import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { drawn, enter, fresh, line, say } from '../lib/room.mjs';

/** One room, without a video: ten of them are most of what such tabs cost a machine. */
const BARE = "[[rooms]]\nid = 'demo'\nvideo = ''\nunsigned = 'allow'\n";

/** Opens so many tabs of one browser on one room; gives them, and how often each asked for the feed. */
async function openTabs(context, count, address) {
  const tabs = [];
  const asked = new Map();
  for (let i = 0; i < count; i += 1) {
    const tab = await context.newPage();
    asked.set(tab, 0);
    tab.on('request', (request) => {
      if (new URL(request.url()).pathname.endsWith('/events')) asked.set(tab, asked.get(tab) + 1);
    });
    await enter(tab, address);
    tabs.push(tab);
  }
  return { tabs, asked };
}

/** No time passes for the tabs of `context` by which they would think one another gone: on a busy machine one may say nothing for long. */
const trustEachOther = (context) => context.addInitScript(() => (performance.now = () => 1_000));

const sum = (counts) => [...counts.values()].reduce((total, count) => total + count, 0);

/** How many feeds the server tells at the moment. */
async function viewers(server) {
  const metrics = await (await fetch(`${server.origin}/metrics`)).text();
  return Number(/^danmu_viewers\{room="demo"\} (\d+)$/m.exec(metrics)?.[1] ?? NaN);
}

test.describe('tabs of one browser', () => {
  test('ten share one connection, and each shows every danmu once', async ({ context, otherPage }) => {
    const server = await startServer({}, BARE);
    try {
      await enter(otherPage, `${server.origin}/room/demo`);
      const before = fresh('before the others came');
      await say(otherPage, before);
      await trustEachOther(context);
      const { tabs, asked } = await openTabs(context, 10, `${server.origin}/room/demo`);
      const texts = [];
      for (let i = 0; i < 5; i += 1) {
        texts.push(fresh('to all ten'));
        await say(otherPage, texts.at(-1));
      }
      for (const tab of tabs) {
        for (const text of [before, ...texts]) await expect(line(tab, text)).toHaveCount(1);
        await drawn(tab, await line(tab, texts[4]).getAttribute('data-id'));
        await expect(tab.locator('[data-chat] li[data-state=gap]')).toHaveCount(0);
      }
      expect(sum(asked)).toBe(1);
      expect(await viewers(server)).toBe(2);
    } finally {
      await Promise.all([context.close(), otherPage.close()]);
      await server.stop();
    }
  });

  test('go on when the one that listens closes, and lose and repeat nothing', async ({ context, otherPage }) => {
    const server = await startServer({}, CHATTY);
    try {
      await trustEachOther(context);
      const { tabs, asked } = await openTabs(context, 4, `${server.origin}/room/demo`);
      await enter(otherPage, `${server.origin}/room/demo`);
      const texts = [];
      let talking = true;
      const talk = (async () => {
        while (talking) {
          texts.push(fresh('without a break'));
          await say(otherPage, texts.at(-1));
          await expect(line(otherPage, texts.at(-1))).toHaveAttribute('data-state', 'confirmed');
        }
      })();
      for (const closes of [0, 1]) {
        const heard = texts.length;
        await expect.poll(() => texts.length).toBeGreaterThan(heard + 5);
        await tabs[closes].close();
        await expect(line(tabs[3], texts.at(-1))).toHaveCount(1);
      }
      talking = false;
      await talk;
      for (const tab of tabs.slice(2)) {
        await expect(line(tab, texts.at(-1))).toHaveCount(1);
        const shown = await line(tab, 'without a break').locator('.said').allInnerTexts();
        expect(shown.map((text) => text.trim())).toEqual(texts);
      }
      expect(sum(asked)).toBe(3);
    } finally {
      await Promise.all([context.close(), otherPage.close()]);
      await server.stop();
    }
  });

  test('take the feed from one that stands still, which follows when it moves again', async ({ context, otherPage }) => {
    const { tabs, asked } = await openTabs(context, 3);
    await enter(otherPage);
    // A page with a dialog runs no script; nobody answers this one for a while.
    const dialog = tabs[0].waitForEvent('dialog');
    const still = tabs[0].evaluate(() => alert('nothing moves'));
    const open = await dialog;
    const meanwhile = fresh('while one stands still');
    await say(otherPage, meanwhile);
    for (const tab of tabs.slice(1)) await expect(line(tab, meanwhile)).toHaveCount(1);
    await open.accept();
    await still;
    const after = fresh('all move');
    await say(otherPage, after);
    for (const tab of tabs) {
      await expect(line(tab, after)).toHaveCount(1);
      await expect(line(tab, meanwhile)).toHaveCount(1);
      await expect(tab.locator('[data-chat] li[data-state=gap]')).toHaveCount(0);
    }
    // The second one that listens, and perhaps the first for a moment, to catch up.
    expect(sum(asked)).toBeLessThanOrEqual(4);
  });

  test('whoever is in another room has a feed of its own', async ({ context }) => {
    const room = (id) => `[[rooms]]\nid = "${id}"\ntitle = "${id}"\nvideo = "/sample.mp4"\nunsigned = "allow"\n`;
    const server = await startServer({}, room('demo') + room('other'));
    try {
      const one = await openTabs(context, 1, `${server.origin}/room/demo`);
      const two = await openTabs(context, 1, `${server.origin}/room/other`);
      expect([sum(one.asked), sum(two.asked)]).toEqual([1, 1]);
    } finally {
      await context.close();
      await server.stop();
    }
  });
});
