import { test, expect } from '../lib/test.mjs';
import { composer, enter, fresh, input, line, lines, problem, say } from '../lib/room.mjs';

test.describe('a room that does not exist', () => {
  test.use({ tolerated: /status of 404/ });

  for (const room of ['nowhere', 'No%20Room!']) {
    test(`/room/${room} says so and leads back`, async ({ page }) => {
      const answer = await page.goto(`/room/${room}`);
      expect(answer.status()).toBe(404);
      await expect(page.locator('[data-problem]')).toContainText(decodeURIComponent(room));
      await page.getByRole('link', { name: 'See the rooms' }).click();
      await expect(page).toHaveURL(/\/$/);
    });
  }

  test('an address that does not exist says so', async ({ page }) => {
    const answer = await page.goto('/no/such/page');
    expect(answer.status()).toBe(404);
    await expect(page.locator('[data-problem]')).toBeVisible();
  });
});

test.describe('a text that cannot be sent stays, with the reason:', () => {
  const cases = [
    ['empty', '', /Type something/],
    ['only blanks', '   ', /Type something/],
    ['over-long', '弹'.repeat(101), /101.*100/],
    ['a control character', 'ring\u0007ring', /U\+0007/],
    ['a bidi override', 'abc\u202Edef', /U\+202E/],
  ];
  for (const [name, text, reason] of cases) {
    test(name, async ({ page }) => {
      await enter(page);
      const before = await lines(page).count();
      await say(page, text);
      await expect(problem(page)).toHaveText(reason);
      await expect(input(page)).toHaveValue(text);
      expect(await lines(page).count()).toBe(before);
      // Writing on takes the reason away.
      await input(page).press('End');
      await input(page).type('x');
      await expect(problem(page)).toHaveText('');
    });
  }

  test('the counter counts what a reader would call characters', async ({ page }) => {
    await enter(page);
    await input(page).fill('👩‍👩‍👧‍👦弹幕');
    await expect(composer(page).locator('.count')).toContainText('3 of 100');
    await input(page).fill('x'.repeat(101));
    await expect(input(page)).toHaveAttribute('aria-invalid', 'true');
  });
});

test('what looks like a program is shown as text', async ({ page, otherPage }) => {
  await enter(page);
  await enter(otherPage);
  const text = `<img src=x onerror="window.pwned=1"><b>${fresh('bold')}</b>`;
  await say(page, text);
  await expect(line(otherPage, text).locator('.said')).toHaveText(text);
  await otherPage.reload();
  for (const each of [page, otherPage]) expect(await each.evaluate(() => window.pwned)).toBeUndefined();
});
