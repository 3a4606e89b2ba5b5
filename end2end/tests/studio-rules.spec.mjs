import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, say } from '../lib/room.mjs';
import { openStudio, row } from '../lib/studio.mjs';

// A rule that cannot be is refused by the server.
test.use({ tolerated: /status of 400/ });

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

test('a rule is tried on what was said, switched on by keyboard, and switched off', async ({ page, otherPage }) => {
  await enter(otherPage, `${server.origin}/room/demo`);
  await openStudio(page, server);
  const [bad, word] = [fresh('cheap ｓｐａｍ here'), 'spam'];
  await say(otherPage, bad);
  await expect(row(page, bad)).toHaveCount(1);

  const part = page.locator('[data-rules]');
  await part.locator('summary').focus();
  await page.keyboard.press('Enter');
  await expect(part).toContainText('There is no rule.');
  const value = part.locator('[name=value]');
  await value.fill(word);
  await part.locator('[data-try]').click();
  await expect(part.locator('[data-trial]')).toContainText(/stopped 1 of the \d+ danmu/);
  await expect(part.locator('[data-trial] li')).toHaveText(bad);

  await part.locator('button[type=submit]').focus();
  await page.keyboard.press('Enter');
  const rules = part.locator('[data-rule-list] > li');
  await expect(rules).toHaveCount(1);
  await expect(rules).toContainText('Words: spam');
  await expect(part.locator('[role=status].unseen')).toHaveText('On: Words: spam');
  await expect(value).toHaveValue('');
  const [stopped, fine] = [fresh('more SPAM'), fresh('a fine text')];
  await say(otherPage, stopped);
  await say(otherPage, fine);
  await expect(row(page, fine)).toHaveCount(1);
  await expect(row(page, stopped)).toHaveCount(0);
  await expect(page.locator('[data-refused]')).toContainText('by rule 1');

  await part.locator('[name=kind]').selectOption('pattern');
  await value.fill('(');
  await part.locator('button[type=submit]').click();
  await expect(part.locator('[data-problem]')).toHaveText('The expression cannot be read: unclosed group');
  await expect(value).toHaveValue('(');

  await rules.locator('[data-end]').click();
  await expect(rules).toHaveCount(0);
  const again = fresh('spam is fine again');
  await say(otherPage, again);
  await expect(row(page, again)).toHaveCount(1);
});
