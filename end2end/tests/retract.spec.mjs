import { test, expect } from '../lib/test.mjs';
import { recordsOf } from '../lib/signed.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { drawn, enter, fresh, input, line, problem, say } from '../lib/room.mjs';

test.use({ tolerated: /status of (400|403)/ });

test('what a banned viewer said is taken down wherever it is shown, and the viewer is told why it may not speak', async ({
  page,
  context,
  otherPage,
}) => {
  const server = await startServer({}, CHATTY);
  const room = `${server.origin}/room/demo`;
  try {
    const records = recordsOf(otherPage);
    await enter(page, room);
    await enter(otherPage, room);
    const direct = await context.newPage();
    await enter(direct, `${room}?feed=direct`);
    const overlay = await context.newPage();
    await enter(overlay, `${server.origin}/overlay/demo`);

    const [bad, good, again] = ['what is to go', 'what stays', 'more of it'].map(fresh);
    await say(page, good);
    await say(otherPage, bad);
    for (const each of [page, direct]) await expect(line(each, bad)).toHaveCount(1);
    const id = await line(page, bad).getAttribute('data-id');
    for (const each of [page, overlay]) await drawn(each, id);
    // It flies no further, and would stay.
    const picture = page.locator('canvas').first();
    await page.locator('video').evaluate((video) => video.pause());
    await expect(picture).not.toHaveAttribute('data-on-stage', '0');
    const onStage = Number(await picture.getAttribute('data-on-stage'));

    const viewer = records[0].ticket.sub;
    await expect(line(page, bad).locator('.danmu-name')).toHaveAttribute('title', viewer);
    await server.order('ban', viewer, '--yes');
    for (const each of [page, direct, otherPage]) {
      await expect(line(each, bad)).toHaveCount(0);
      await expect(line(each, good)).toHaveCount(1);
    }
    await expect.poll(async () => Number(await picture.getAttribute('data-on-stage'))).toBeLessThan(onStage);

    // The first that it is told is the reason.
    const told = await otherPage.evaluateHandle(() => {
      const [said, place] = [[], document.querySelector('[data-composer] [data-problem]')];
      const note = () => place.textContent.trim() && said.push(place.textContent.trim());
      new MutationObserver(note).observe(place, { childList: true, characterData: true, subtree: true });
      return said;
    });
    await say(otherPage, again);
    await expect(problem(otherPage)).toContainText('You are banned here');
    await expect(input(otherPage)).toHaveValue(again);
    expect((await told.jsonValue()).every((text) => text.startsWith('You are banned here'))).toBe(true);

    await server.order('unban', viewer);
    for (const each of [page, direct]) {
      await each.reload();
      await expect(each.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
    }
    await say(page, fresh('after all that'));
    await expect(line(page, 'after all that')).toHaveCount(1);
    for (const each of [page, direct]) await expect(line(each, bad)).toHaveCount(0);
    await expect(line(page, good)).toHaveCount(1);
  } finally {
    await Promise.all([...context.pages(), otherPage].map((each) => each.close()));
    await server.stop();
  }
});
