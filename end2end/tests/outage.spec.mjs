import { test, expect } from '../lib/test.mjs';
import { startProxy } from '../lib/proxy.mjs';
import { startServer } from '../lib/server.mjs';
import { enter, fresh, input, line, problem, say } from '../lib/room.mjs';

test.describe('when the stream cannot be reached', () => {
  // A sender tries for a quarter of a minute before it gives a text back: too long to sit through.
  const losePatience = (page) => page.clock.fastForward(16_000);

  /** Says something of which the stream never hears, and does that meanwhile; gives the text, and the id that it had. */
  async function failed(page, meanwhile = async () => {}) {
    // Of the stream alone: the relay would go on telling what others say.
    await enter(page, '/room/demo?feed=direct');
    // Credentials first: it is the stream that is to be down, not the vending machine.
    await say(page, fresh('all is well'));
    await expect(page.locator('[data-chat] li[data-state=confirmed]').first()).toBeVisible();
    await page.route('**/aws/**', (route) => route.abort());
    const text = fresh('into the void');
    await say(page, text);
    await expect(line(page, text)).toHaveAttribute('data-state', 'pending');
    const id = await line(page, text).getAttribute('data-id');
    await meanwhile();
    await losePatience(page);
    return { text, id };
  }

  test.beforeEach(async ({ page }) => page.clock.install());

  test.use({ tolerated: /ERR_|status of 429/ });

  test('the text is given back with the reason, stands nowhere else, and goes again under its id', async ({ page }) => {
    const { text, id } = await failed(page);
    await expect(input(page)).toHaveValue(text);
    await expect(problem(page)).not.toHaveText('');
    await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'reconnecting');
    await expect(line(page, text)).toHaveCount(0);

    await page.unroute('**/aws/**');
    await input(page).press('Enter');
    await expect(line(page, text).and(page.locator('[data-state=confirmed]'))).toHaveCount(1);
    // The same danmu: had it arrived the first time, nobody would see it twice.
    await expect(line(page, text)).toHaveAttribute('data-id', id);
    await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
  });

  test('what is given back and changed is another danmu', async ({ page }) => {
    const { text, id } = await failed(page);
    await expect(input(page)).toHaveValue(text);
    await page.unroute('**/aws/**');
    await say(page, `${text}!`);
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    await expect(line(page, text)).not.toHaveAttribute('data-id', id);
  });

  test('a text that finds the composer taken waits in its line, and goes again from there, once', async ({ page }) => {
    const { text, id } = await failed(page, () => input(page).fill('the next one'));
    await expect(line(page, text)).toHaveAttribute('data-state', 'failed');
    await expect(input(page)).toHaveValue('the next one');
    await page.unroute('**/aws/**');
    await line(page, text).getByRole('button').click();
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    await expect(line(page, text)).toHaveAttribute('data-id', id);
    await expect(input(page)).toHaveValue('the next one');
    // The page is alive: what is said next shows.
    const next = fresh('and on');
    await say(page, next);
    await expect(line(page, next)).toHaveAttribute('data-state', 'confirmed');
  });

  test('a line that goes again leaves alone what else was given back', async ({ page }) => {
    const { text } = await failed(page, () => input(page).fill('the next one'));
    await expect(line(page, text)).toHaveAttribute('data-state', 'failed');
    // That one fails, too, and finds the composer free.
    await input(page).press('Enter');
    await expect(line(page, 'the next one')).toHaveAttribute('data-state', 'pending');
    await losePatience(page);
    await expect(input(page)).toHaveValue('the next one');
    await page.unroute('**/aws/**');
    await line(page, text).getByRole('button').click();
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    await expect(input(page)).toHaveValue('the next one');
  });

  test('a line that goes again too fast says for how long, and is not lost', async ({ page }) => {
    const server = await startServer(
      {},
      "[[rooms]]\nid = 'demo'\nvideo = '/sample.mp4'\nunsigned = 'allow'\nper_minute = 2\nburst = 1\n",
    );
    try {
      await page.route('**/aws/**', (route) => route.abort());
      await enter(page, `${server.origin}/room/demo`);
      const [text, next] = [fresh('one at a time'), fresh('the next one')];
      await say(page, text);
      await expect(line(page, text)).toHaveAttribute('data-state', 'pending');
      // What is in flight may arrive at any time: until it has, nobody knows when the next one may.
      await say(page, next);
      await expect(problem(page)).toHaveText(/faster than this room allows.*30 s/);
      await losePatience(page);
      await expect(line(page, text)).toHaveAttribute('data-state', 'failed');
      await page.unroute('**/aws/**');
      // It may have arrived just now.
      await line(page, text).getByRole('button').click();
      await expect(line(page, text)).toContainText(/faster than this room allows/);
      await expect(async () => {
        await page.clock.fastForward(10_000);
        // One that was on its way when this looked last has arrived, and has no button any more.
        if ((await line(page, text).getAttribute('data-state')) !== 'confirmed') {
          await line(page, text).getByRole('button').click({ timeout: 1_000 });
        }
        await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed', { timeout: 1_000 });
      }).toPass();
      await expect(line(page, text)).toHaveCount(1);
    } finally {
      await page.close();
      await server.stop();
    }
  });

  test('nothing is said any more of a connection that is there again', async ({ page, server }) => {
    const way = await startProxy(server.origin);
    try {
      await enter(page, `${way.origin}/room/demo`);
      way.cut();
      const text = fresh('into the void');
      await say(page, text);
      await input(page).fill('the next one');
      await expect(async () => {
        await page.clock.fastForward(2_000);
        await expect(problem(page)).toContainText('cannot be reached', { timeout: 500 });
      }).toPass({ timeout: 60_000 });
      await expect(line(page, text)).toContainText('cannot be reached');
      await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'reconnecting');
      way.mend();
      await expect(async () => {
        await page.clock.fastForward(2_000);
        await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live', { timeout: 500 });
      }).toPass({ timeout: 60_000 });
      await expect(problem(page)).toHaveText('');
      await expect(line(page, text)).toContainText('not sent');
      await expect(line(page, text)).not.toContainText('cannot be reached');
    } finally {
      await page.close();
      way.stop();
    }
  });

  test('a text that was given back and had arrived is in the chat alone', async ({ page }) => {
    await enter(page, '/room/demo?feed=direct');
    await say(page, fresh('all is well'));
    await expect(page.locator('[data-chat] li[data-state=confirmed]').first()).toBeVisible();
    // The stream takes it; the page hears neither the answer nor, for now, the danmu.
    let away = true;
    await page.route('**/aws/**', async (route) => {
      if (!away) return route.continue();
      const target = route.request().headers()['x-amz-target'] ?? '';
      if (target.includes('PutRecord')) await route.fetch();
      await route.abort();
    });
    const text = fresh('arrived after all');
    await say(page, text);
    await expect(line(page, text)).toHaveAttribute('data-state', 'pending');
    await losePatience(page);
    await expect(input(page)).toHaveValue(text);
    await expect(line(page, text)).toHaveCount(0);
    // Not by taking the route away: what is under way would be handled twice.
    away = false;
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    await expect(line(page, text)).toHaveCount(1);
    await expect(input(page)).toHaveValue('');
    await expect(problem(page)).toHaveText('');
  });

  test('the page says within a quarter of a minute that nothing comes any more', async ({ page, server }) => {
    const way = await startProxy(server.origin);
    try {
      await enter(page, `${way.origin}/room/demo`);
      way.lose();
      await page.clock.fastForward(15_000);
      await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'reconnecting');
      way.mend();
      way.drop();
      await expect(async () => {
        await page.clock.fastForward(2_000);
        await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live', { timeout: 1_000 });
      }).toPass({ timeout: 60_000 });
    } finally {
      await page.close();
      way.stop();
    }
  });

  test('what waits for credentials that nobody gives is given back within seconds, with the reason', async ({ page }) => {
    await page.route('**/api/session', () => {});
    await enter(page);
    const text = fresh('is anybody there');
    await say(page, text);
    let waited = 0;
    await expect(async () => {
      waited += 1;
      await page.clock.fastForward(1_000);
      await expect(input(page)).toHaveValue(text, { timeout: 500 });
    }).toPass({ timeout: 60_000 });
    expect(waited).toBeLessThanOrEqual(20);
    await expect(problem(page)).toContainText('cannot be reached');
  });

  test('a wait that is said counts down, and is over when it is', async ({ page }) => {
    await page.route('**/api/session', (route) =>
      route.fulfill({ status: 429, json: { TooMany: { retry_after_s: 40 } } }),
    );
    await enter(page);
    const text = fresh('patience');
    await say(page, text);
    await expect(problem(page)).toHaveText('Too many requests at the moment. Try again in 40 s.');
    await page.clock.runFor(3_000);
    await expect(problem(page)).toHaveText('Too many requests at the moment. Try again in 37 s.');
    await page.clock.runFor(37_000);
    await expect(problem(page)).toHaveText('');
    await expect(input(page)).toHaveValue(text);
  });

  test('a server that is gone costs the viewer no word', async ({ page }) => {
    const server = await startServer();
    await enter(page, `${server.origin}/room/demo`);
    await server.stop('SIGKILL');
    const text = fresh('is anybody there');
    await say(page, text);
    await expect(line(page, text)).toHaveAttribute('data-state', 'pending');
    await losePatience(page);
    await expect(input(page)).toHaveValue(text);
    await expect(problem(page)).not.toHaveText('');
  });
});
