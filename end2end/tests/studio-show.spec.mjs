// A whole show, by people with nothing but a browser: from making the room to archiving it, on one server that goes on running.
import { test, expect } from '../lib/test.mjs';
import { startServer } from '../lib/server.mjs';
import { drawn, enter, fresh, line, problem, say } from '../lib/room.mjs';
import { act, ready, row } from '../lib/studio.mjs';

test.use({ tolerated: /status of (403|404)/ });

test('a show from making its room to archiving it, with browsers alone', async ({ page, context, otherPage, otherBrowser }) => {
  const server = await startServer();
  const audience = await otherBrowser.newContext();
  try {
    // The streamer makes a room with a video, and has its addresses to copy.
    await page.goto(`${server.origin}/studio`);
    await page.locator('[name=title]').fill('The Late Show');
    await page.locator('[name=id]').fill('late-show');
    await page.locator('[name=video]').fill('/sample.mp4');
    await page.locator('.make button[type=submit]').click();
    await page.locator('[data-made] a').click();
    await ready(page);
    const watch = await page.locator('#watch-address').inputValue();

    // A viewer, one who will misbehave, the overlay and the wall.
    const [viewer, troll] = [await audience.newPage(), await (await otherBrowser.newContext()).newPage()];
    const [overlay, wall] = [await context.newPage(), await context.newPage()];
    for (const each of [viewer, troll]) {
      await enter(each, watch);
      await expect(each.locator('video')).toHaveAttribute('src', '/sample.mp4');
    }
    await enter(overlay, `${server.origin}/overlay/late-show?style=list`);
    await enter(wall, `${server.origin}/wall/late-show`);
    const shown = (text) => [line(viewer, text), overlay.locator('.danmu-line', { hasText: text }), row(page, text), row(otherPage, text)];

    // A moderator in another browser, by a link.
    await page.locator('[data-crew] summary').click();
    await page.getByLabel('For whom').fill('Ann');
    await page.locator('[data-crew]').getByRole('button', { name: 'Make an invitation link' }).click();
    await expect(page.locator('#invitation')).toHaveValue(/#invite=/);
    await otherPage.goto(await page.locator('#invitation').inputValue());
    await ready(otherPage);

    const hello = fresh('good evening');
    await say(viewer, hello);
    for (const each of shown(hello)) await expect(each).toHaveCount(1);
    await drawn(wall, await line(viewer, hello).getAttribute('data-id'));

    // The moderator hides one and bans its author.
    const [rude, spam] = ['rude', 'spam'].map(fresh);
    await say(troll, rude);
    for (const each of shown(rude)) await expect(each).toHaveCount(1);
    await act(otherPage, rude, 'hide');
    for (const each of shown(rude)) await expect(each).toHaveCount(0);
    await say(troll, spam);
    await expect(row(otherPage, spam)).toHaveCount(1);
    await act(otherPage, spam, 'ban');
    for (const each of shown(spam)) await expect(each).toHaveCount(0);
    await say(troll, fresh('and again'));
    await expect(problem(troll)).toContainText('You are banned here');

    // What guests say is reviewed: one is let through, one is not.
    await page.locator('[data-reviewed]').selectOption('guests');
    await expect(otherPage.locator('[data-reviewed]')).toHaveValue('guests');
    const [good, bad] = ['a good question', 'a bad one'].map(fresh);
    const waits = (text) => otherPage.locator('[data-waiting] > li', { hasText: text });
    for (const text of [good, bad]) {
      await say(viewer, text);
      await expect(waits(text)).toHaveCount(1);
    }
    await waits(good).locator('[data-act=pass]').click();
    for (const each of shown(good)) await expect(each).toHaveCount(1);
    await waits(bad).locator('[data-act=out]').click();
    await expect(waits(bad)).toHaveCount(0);
    for (const each of shown(bad)) await expect(each).toHaveCount(0);

    // It ends for everybody.
    await page.locator('[data-room-form] summary').click();
    await page.locator('[data-archive]').click();
    await page.locator('[data-archive]').click();
    await expect(page).toHaveURL(`${server.origin}/studio`);
    const answers = ['room', 'overlay', 'wall', 'studio'].map((kind) => fetch(`${server.origin}/${kind}/late-show`));
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(404);
  } finally {
    await Promise.all([...context.pages(), otherPage].map((each) => each.close()));
    await audience.close();
    await server.stop();
  }
});
