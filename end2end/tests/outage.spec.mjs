import { test, expect } from '../lib/test.mjs';
import { startServer } from '../lib/server.mjs';
import { enter, fresh, input, line, problem, say } from '../lib/room.mjs';

test.describe('when the stream cannot be reached', () => {
  // A sender tries for a quarter of a minute before it gives a text back: too long to sit through.
  const losePatience = (page) => page.clock.fastForward(16_000);

  /** A danmu of which the stream never heard. */
  async function failed(page) {
    // Of the stream alone: the relay would go on telling what others say.
    await enter(page, '/room/demo?feed=direct');
    // Credentials first: it is the stream that is to be down, not the vending machine.
    await say(page, fresh('all is well'));
    await expect(page.locator('[data-chat] li[data-state=confirmed]').first()).toBeVisible();
    await page.route('**/aws/**', (route) => route.abort());
    const text = fresh('into the void');
    await say(page, text);
    await expect(line(page, text)).toHaveAttribute('data-state', 'pending');
    await losePatience(page);
    await expect(line(page, text)).toHaveAttribute('data-state', 'failed');
    return text;
  }

  test.beforeEach(async ({ page }) => page.clock.install());

  test.use({ tolerated: /ERR_FAILED|ERR_CONNECTION|ERR_INCOMPLETE/ });

  test('the text is given back with the reason, and can be sent again', async ({ page }) => {
    const text = await failed(page);
    await expect(input(page)).toHaveValue(text);
    await expect(problem(page)).not.toHaveText('');
    await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'reconnecting');

    await page.unroute('**/aws/**');
    await input(page).press('Enter');
    await expect(line(page, text).and(page.locator('[data-state=confirmed]'))).toHaveCount(1);
    await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
  });

  test('a failed danmu goes again from its line, once, and leaves the composer', async ({ page }) => {
    const text = await failed(page);
    const id = await line(page, text).getAttribute('data-id');
    await page.unroute('**/aws/**');
    await line(page, text).getByRole('button').click();
    await expect(input(page)).toHaveValue('');
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    // The same danmu, under the same id: had it arrived the first time, nobody would see it twice.
    await expect(line(page, text)).toHaveAttribute('data-id', id);
    // The page is alive: what is said next shows.
    const next = fresh('and on');
    await say(page, next);
    await expect(line(page, next)).toHaveAttribute('data-state', 'confirmed');
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
