import { test, expect } from '../lib/test.mjs';
import { pour } from '../lib/pour.mjs';
import { startProxy } from '../lib/proxy.mjs';
import { startServer } from '../lib/server.mjs';
import { enter, fresh, line, lines, say } from '../lib/room.mjs';

/** The relay's hello to who comes from `place`, or from nowhere: where it is, and whether all since then follows. */
async function hello(server, place) {
  const url = new URL('/rooms/demo/events', server.origin);
  if (place) url.searchParams.set('from', place);
  const answer = await fetch(url);
  let text = '';
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const said = /^event: hello\nid: (.*)\ndata: (.*)\n\n/m.exec(text);
    if (said) return { place: said[1], recovered: JSON.parse(said[2]).recovered === true };
  }
  throw new Error(`no hello: ${text}`);
}

const badge = (page) => page.locator('[data-feed]');
const gaps = (page) => page.locator('[data-chat] li[data-state=gap]');

test.describe('a viewer who was away for longer than the relay keeps', () => {
  test.use({ tolerated: /ERR_/ });

  for (const [locale, wanted] of [
    ['en-US', 'Some danmu may be missing here'],
    ['zh-CN', '这里可能缺少一些弹幕'],
  ]) {
    test.describe(locale, () => {
      test.use({ locale, viewport: { width: 390, height: 844 } });

      test('is told so, once, where it is', async ({ page, otherPage }, testInfo) => {
        // Nothing else brings what is lost.
        const server = await startServer({
          DANMU_FEED__DIRECT: 'off',
          DANMU_RELAY__WINDOW_S: '10',
          DANMU_RELAY__REFILL_S: '0',
        });
        const way = await startProxy(server.origin);
        try {
          await enter(page, `${way.origin}/room/demo`);
          await enter(otherPage, `${server.origin}/room/demo`);
          const [before, lost, after] = ['before', 'lost', 'after'].map(fresh);
          await say(otherPage, before);
          await expect(line(page, before)).toHaveCount(1);
          const { place } = await hello(server);
          way.cut();
          await expect(badge(page)).toHaveAttribute('data-state', 'reconnecting');
          await say(otherPage, lost);
          await expect(line(otherPage, lost)).toHaveAttribute('data-state', 'confirmed');
          expect((await hello(server, place)).recovered).toBe(true);
          // So long a line is kept; the next danmu after that takes the place of the oldest.
          await expect(async () => {
            await pour(server, [fresh('on and on')]);
            expect((await hello(server, place)).recovered).toBe(false);
          }).toPass({ timeout: 120_000 });
          way.mend();
          await expect(gaps(page)).toHaveText(wanted);
          await say(otherPage, after);
          await expect(line(page, after)).toHaveCount(1);
          await expect(gaps(page)).toHaveCount(1);
          await page.screenshot({ path: testInfo.outputPath('gap.png') });
        } finally {
          await Promise.all([page.close(), otherPage.close()]);
          way.stop();
          await server.stop();
        }
      });
    });
  }
});

test.describe('without the relay', () => {
  test.use({ tolerated: /ERR_/ });

  test('the page reads the stream, and goes back, and shows each danmu once', async ({
    page,
    otherPage,
    server,
  }, testInfo) => {
    const way = await startProxy(server.origin);
    await enter(page, `${way.origin}/room/demo`);
    await enter(otherPage);
    const texts = [fresh('by the relay')];
    await say(otherPage, texts[0]);
    await expect(line(page, texts[0])).toHaveCount(1);
    await page.route('**/events?*', (route) => route.abort());
    way.drop();
    await expect(badge(page)).toHaveAttribute('data-state', 'reconnecting');
    texts.push(fresh('by nobody yet'));
    await say(otherPage, texts[1]);
    await expect(badge(page)).toHaveAttribute('data-way', 'direct');
    await expect(badge(page)).toHaveText('Live · direct');
    await expect(line(page, texts[1])).toHaveCount(1);
    texts.push(fresh('off the stream'));
    await say(otherPage, texts[2]);
    await expect(line(page, texts[2])).toHaveCount(1);
    await page.screenshot({ path: testInfo.outputPath('direct.png') });
    await page.unroute('**/events?*');
    await expect(badge(page)).not.toHaveAttribute('data-way', 'direct');
    await expect(badge(page)).toHaveText('Live');
    texts.push(fresh('by the relay again'));
    await say(otherPage, texts[3]);
    for (const text of texts) await expect(line(page, text)).toHaveCount(1);
    await expect(gaps(page)).toHaveCount(0);
    way.stop();
  });

  test('a page of a server that does not relay reads the stream at once', async ({ page }) => {
    const server = await startServer({ DANMU_ROLE: 'bus' });
    try {
      await enter(page, `${server.origin}/room/demo`);
      await expect(badge(page)).toHaveAttribute('data-way', 'direct');
      const text = fresh('no relay at all');
      await say(page, text);
      await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
      await expect(lines(page)).toHaveCount(1);
    } finally {
      await page.close();
      await server.stop();
    }
  });
});
