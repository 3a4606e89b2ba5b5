// What a room's streamer sets of it: its pace, its density, and its other addresses.
import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { composer, enter, fresh, input, line, problem, say } from '../lib/room.mjs';
import { decided, ready, row } from '../lib/studio.mjs';

test.use({ tolerated: /status of (400|403|404|409|429)/ });

let server;
test.beforeAll(async () => {
  server = await startServer({}, CHATTY);
});
test.afterAll(() => server.stop());

const limits = (page) => page.locator('[data-limits]');
const aliases = (page) => page.locator('[data-aliases]');

/** Makes a room in the browser, and opens its studio. */
async function makeRoom(page, id) {
  await page.goto(`${server.origin}/studio`);
  await page.locator('[name=title]').fill('Late show');
  await page.locator('[name=id]').fill(id);
  await page.locator('.make button[type=submit]').click();
  await page.locator('[data-made] a').click();
  await ready(page);
}

const id = (name) => fresh(name).replaceAll(/[^a-z0-9]+/g, '-');

test('a room gets a pace of its own, which its viewers are told before the gate would refuse them', async ({ page, otherPage }) => {
  const room = id('paced');
  await makeRoom(page, room);
  await enter(otherPage, `${server.origin}/room/${room}`);
  await limits(page).locator('summary').click();
  await expect(limits(page).locator('[name=guests]')).toBeHidden();
  await limits(page).locator('[data-pace]').selectOption('calm');
  await expect(limits(page).locator('[name=guests]')).toHaveValue('12');
  await limits(page).locator('[name=guests]').fill('2');
  await limits(page).locator('[name=guests_burst]').fill('1');
  await limits(page).locator('[name=density]').fill('30');
  await limits(page).locator('button[type=submit]').click();
  await expect(decided(page)).toHaveCount(2);
  await expect(decided(page).first()).toContainText('30');
  await expect(limits(page).locator('[data-pace]')).toHaveValue('own');

  // The page learns of it by the feed; whatever was said before, the second one at once is too fast then.
  await page.reload();
  await ready(page);
  await limits(page).locator('summary').click();
  await expect(limits(page).locator('[name=guests]')).toHaveValue('2');
  await say(otherPage, 'one');
  await expect(line(otherPage, 'one')).toBeVisible();
  await say(otherPage, 'two at once');
  await expect(problem(otherPage)).not.toBeEmpty();
  await expect(input(otherPage)).toHaveValue('two at once');

  await limits(page).locator('[data-pace]').selectOption('server');
  await limits(page).locator('[name=density]').fill('');
  await limits(page).locator('button[type=submit]').click();
  await expect(decided(page)).toHaveCount(2);
  await expect(composer(otherPage)).toHaveAttribute('data-ready', 'true');
});

test('another address leads to the room until it is taken away', async ({ page, otherPage }) => {
  const [room, other] = [id('named'), id('alias')];
  await makeRoom(page, room);
  await aliases(page).locator('summary').click();
  await aliases(page).locator('[name=alias]').fill('demo');
  await aliases(page).locator('button[type=submit]').click();
  await expect(aliases(page).locator('[data-problem]')).toContainText('leads to another room');
  await aliases(page).locator('[name=alias]').fill(other);
  await aliases(page).locator('button[type=submit]').click();
  await expect(aliases(page).locator(`[data-alias=${other}]`)).toBeVisible();
  await otherPage.goto(`${server.origin}/room/${other}?feed=relay`);
  expect(otherPage.url()).toBe(`${server.origin}/room/${room}?feed=relay`);

  await aliases(page).locator('[data-end]').click();
  await expect(aliases(page).locator('[data-end]')).toContainText('Really?');
  await aliases(page).locator('[data-end]').click();
  await expect(aliases(page).locator('[data-alias]')).toHaveCount(0);
  const gone = await otherPage.goto(`${server.origin}/room/${other}`);
  expect(gone.status()).toBe(404);
});

test('a guest gives itself a name, which is marked, once the streamer allows it', async ({ page, otherPage }) => {
  const room = id('names');
  await makeRoom(page, room);
  await enter(otherPage, `${server.origin}/room/${room}`);
  const name = otherPage.locator('[data-composer] [name=name]');
  const style = otherPage.locator('[data-composer] summary');
  await style.click();
  await expect(name).toBeHidden();
  await limits(page).locator('summary').click();
  await limits(page).locator('[data-names]').click();
  await expect(limits(page).locator('[data-names]')).toHaveAttribute('aria-pressed', 'true');
  await expect(name).toBeVisible();
  await name.fill('Anna');
  await name.press('Enter');
  await style.click();
  await say(otherPage, 'I am Anna');
  await expect(line(otherPage, 'I am Anna').locator('.danmu-name')).toContainText('~Anna');
  await expect(line(otherPage, 'I am Anna').locator('.danmu-name')).toHaveAttribute('title', /not proved/);
  await expect(row(page, 'I am Anna')).toContainText('~Anna');

  // The server says why a name does not do, and the text stays.
  await style.click();
  await name.fill('\u202eannA');
  await name.press('Enter');
  await style.click();
  await say(otherPage, 'by another name');
  await expect(problem(otherPage)).toContainText('Choose another one');
  await expect(input(otherPage)).toHaveValue('by another name');
});
