// While the operator has frozen vending, viewers are told so, until it is thawed.
import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, input, line, problem, say } from '../lib/room.mjs';

test.use({ tolerated: /status of 503/ });

const FROZEN = 'This room takes no danmu for now. Watching goes on.';

test('who may not speak while vending is frozen is told before typing, and no more once it is thawed', async ({ page, context }) => {
  const server = await startServer({}, CHATTY);
  try {
    await enter(page, `${server.origin}/room/demo`);
    await server.order('freeze');
    await expect(problem(page)).toHaveText(FROZEN);
    const text = fresh('let me speak');
    await say(page, text);
    await expect(input(page)).toHaveValue(text);
    await expect(problem(page)).toHaveText(FROZEN);
    const later = await context.newPage();
    await enter(later, `${server.origin}/room/demo`);
    await expect(problem(later)).toHaveText(FROZEN);

    await server.order('thaw');
    for (const each of [page, later]) await expect(problem(each)).toBeHidden();
    // What was given back is still there, and goes now.
    await expect(input(page)).toHaveValue(text);
    await input(page).press('Enter');
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');

    // Who has a session speaks on.
    await server.order('freeze');
    await expect(problem(later)).toHaveText(FROZEN);
    await expect(problem(page)).toBeHidden();
  } finally {
    await Promise.all(context.pages().map((each) => each.goto('about:blank')));
    await server.stop();
  }
});
