import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, line, say } from '../lib/room.mjs';
import { act, openStudio, ready, row } from '../lib/studio.mjs';

test.use({ tolerated: /status of 403/ });

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

const crew = (page) => page.locator('[data-crew]');
const invitations = (page) => page.locator('[data-invitations] > li');

/** Makes an invitation for a day in an open studio; returns its link. */
async function invite(page, label) {
  await page.getByLabel('For whom').fill(label);
  await crew(page).getByRole('button', { name: 'Make an invitation link' }).click();
  await expect(page.locator('#invitation')).toHaveValue(/#invite=/);
  await expect(invitations(page).filter({ hasText: label })).toHaveCount(1);
  return page.locator('#invitation').inputValue();
}

test('whoever opens an invitation link is a moderator until the streamer revokes it', async ({ page, otherPage }) => {
  await openStudio(page, server);
  await crew(page).locator('summary').click();
  await expect(crew(page)).toContainText('Nobody is invited.');
  const link = await invite(page, 'Ann');
  expect(link).toContain(`${server.origin}/studio/demo#invite=`);
  await expect(invitations(page)).toContainText('never opened');

  // From another site, as a message has it: cookies of ours do not come with that.
  await otherPage.setContent(`<a href="${link}">come in</a>`);
  await otherPage.getByText('come in').click();
  await ready(otherPage);
  expect(otherPage.url()).toBe(`${server.origin}/studio/demo`);
  await expect(crew(otherPage)).toHaveCount(0);
  const bad = fresh('this has to go');
  // Somebody who stands lower.
  const third = await otherPage.context().browser().newContext();
  const viewer = await third.newPage();
  await enter(viewer, `${server.origin}/room/demo`);
  await say(viewer, bad);
  await act(otherPage, bad, 'hide');
  await expect(row(page, bad)).toHaveCount(0);
  await expect(line(viewer, bad)).toHaveCount(0);
  await third.close();

  // The list is read again when it is opened.
  await crew(page).locator('summary').click();
  await crew(page).locator('summary').click();
  await expect(invitations(page)).toContainText('opened 1 ×');
  await page.locator('[data-revoke]').click();
  await expect(page.locator('[data-revoke]')).toContainText('Really?');
  await page.locator('[data-revoke]').click();
  await expect(invitations(page)).toContainText('revoked');
  await otherPage.goto(`${server.origin}/studio/demo`);
  await expect(otherPage.locator('#key')).toBeVisible();

  // The same page, by another fragment.
  await otherPage.goto(link);
  await expect(otherPage.locator('[data-problem]')).toContainText('Ask the streamer for a new one');
  await expect(otherPage).toHaveURL(`${server.origin}/studio/demo`);
});

test('the streamer who opens a link stays the streamer', async ({ page }) => {
  await openStudio(page, server);
  await crew(page).locator('summary').click();
  await page.goto(await invite(page, 'myself'));
  await ready(page);
  await expect(page).toHaveURL(`${server.origin}/studio/demo`);
  await page.reload();
  await expect(crew(page)).toHaveCount(1);
});
