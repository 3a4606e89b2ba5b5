import { createRequire } from 'node:module';
import fs from 'node:fs';
import { test as base, expect } from '../lib/test.mjs';
import { startPool } from '../lib/cognito.mjs';
import { enter, fresh, line, say } from '../lib/room.mjs';
import { startServer } from '../lib/server.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const PASSWORD = 'correct horse 电池';

const test = base.extend({
  /** What the pool wants, and whether its own page is offered. */
  wants: [{}, { option: true }],
  offered: [{}, { option: true }],

  pool: async ({ wants }, use) => {
    const pool = await startPool(wants);
    await use(pool);
    await pool.stop();
  },

  /** A server of this test's own, that trusts the pool. */
  trusting: async ({ pool, offered }, use) => {
    const server = await startServer({}, pool.settings(offered));
    await use(server);
    await server.stop();
  },

  baseURL: async ({ trusting }, use) => use(trusting.origin),
});

// A refused password is an answer of status 400, which browsers write on the console.
test.use({ tolerated: /status of 4\d\d|ERR_FAILED|may close only the windows/ });

const slot = (page) => page.locator('[data-account]');
const button = (page) => slot(page).getByRole('button');
const dialog = (page) => page.getByRole('dialog');
const problem = (page) => dialog(page).getByRole('alert');

/** Opens the dialogue, and gives name and password. */
async function give(page, password = PASSWORD, name = 'amy') {
  if (!(await dialog(page).isVisible())) await button(page).click();
  await dialog(page).getByLabel('User name').fill(name);
  await dialog(page).getByLabel('Password').fill(password);
  await dialog(page).getByLabel('Password').press('Enter');
}

async function isSignedIn(page, name = '小艾') {
  await expect(dialog(page)).toHaveCount(0);
  await expect(button(page)).toHaveText(name);
}

test('who signs in by a password is named, also on the next page, and the password is never sent', async ({ page, pool }) => {
  await enter(page);
  await expect(button(page)).toHaveText('Sign in');
  await give(page);
  await isSignedIn(page);
  expect(pool.calls).toEqual(['InitiateAuth', 'RespondToAuthChallenge']);
  for (const part of PASSWORD.split(' ')) expect(pool.heard).not.toContain(part);
  await page.reload();
  await expect(button(page)).toHaveText('小艾');
  await page.goto('/');
  await expect(button(page)).toHaveText('小艾');
});

test('what is said from then on bears the name, and what was said as a guest does not', async ({ page, browser, trusting }) => {
  const other = await browser.newPage({ baseURL: trusting.origin, locale: 'en-US' });
  await Promise.all([enter(page), enter(other)]);
  const texts = ['as a guest', 'signed in', 'signed out'].map((text) => fresh(text));
  const saying = async (text) => {
    await say(page, text);
    await expect(line(other, text)).toBeVisible();
  };
  await saying(texts[0]);
  await give(page);
  await isSignedIn(page);
  await saying(texts[1]);
  await button(page).click();
  await dialog(page).getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect(button(page)).toHaveText('Sign in');
  await saying(texts[2]);
  await expect(line(other, texts[0])).toContainText('Guest');
  await expect(line(other, texts[1])).toContainText('小艾');
  await expect(line(other, texts[2])).toContainText('Guest');
  await other.close();
});

test('a page that shows somebody whom the server takes for a guest says so, and nothing is said without the name', async ({
  page,
  context,
}) => {
  await enter(page);
  await give(page);
  await isSignedIn(page);
  // Another program on the host took it, or another tab signed out.
  await context.clearCookies({ name: /danmu_member/ });
  const text = fresh('under my name');
  await say(page, text);
  const answer = page.locator('[data-composer] [data-problem]');
  await expect(answer).toContainText('the server takes you for a guest');
  await expect(page.locator('[data-composer] [name=text]')).toHaveValue(text);
  await expect(line(page, text)).toHaveCount(0);
  // What this browser keeps makes the same of it again.
  await page.reload();
  await isSignedIn(page);
  await say(page, text);
  await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  await expect(line(page, text)).toContainText('小艾');
});

test('a wrong password is told, and the next try is right', async ({ page }) => {
  await page.goto('/room/demo');
  await give(page, `${PASSWORD} `);
  await expect(problem(page)).toHaveText('The user name or the password is wrong.');
  await expect(dialog(page).getByLabel('User name')).toHaveValue('amy');
  await expect(dialog(page).getByLabel('Password')).toHaveValue('');
  await expect(dialog(page).getByLabel('Password')).toBeFocused();
  await give(page, PASSWORD, 'nobody');
  await expect(problem(page)).toHaveText('The user name or the password is wrong.');
  await give(page);
  await isSignedIn(page);
});

test('nothing of it is loaded before it is opened, and no page offers it where nobody can sign in', async ({
  page,
  browser,
  server,
}) => {
  const loaded = [];
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  await enter(page);
  await page.waitForLoadState('networkidle');
  expect(loaded.filter((path) => path.includes('account') || path.includes('signed-in'))).toEqual([]);
  await button(page).click();
  await expect(dialog(page)).toBeVisible();
  expect(loaded.filter((path) => path.includes('account'))).toHaveLength(3);

  const elsewhere = await browser.newPage({ baseURL: server.origin });
  await elsewhere.goto('/room/demo');
  expect(await elsewhere.content()).not.toContain('data-account');
  await elsewhere.close();
});

test('a dialogue that is closed asks nobody any more, and opens again', async ({ page, pool }) => {
  await page.goto('/room/demo');
  await button(page).click();
  await expect(dialog(page).getByLabel('User name')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(dialog(page)).toHaveCount(0);
  await expect(button(page)).toBeFocused();
  await button(page).click();
  await dialog(page).getByRole('button', { name: 'Close' }).click();
  await expect(dialog(page)).toHaveCount(0);
  expect(pool.calls).toEqual([]);
});

test('the way in follows the language of the page', async ({ page }) => {
  await enter(page);
  await page.locator('[data-language]').click();
  await expect(button(page)).toHaveText('登录');
  await button(page).click();
  await expect(dialog(page).getByRole('heading')).toHaveText('登录');
  await expect(dialog(page).getByLabel('密码')).toBeVisible();
});

test('a module that cannot be loaded is told, and tried again', async ({ page }) => {
  await page.route('**/danmu-account.*.js', (route) => route.abort());
  await page.goto('/room/demo');
  await button(page).click();
  await expect(slot(page).getByRole('status')).toHaveText('Sign-in could not be loaded. Try again.');
});

test.describe('a pool that asks for more', () => {
  test.use({ wants: { temporary: true, code: '123456' } });

  test('gets a new password, what it lacks, and a code', async ({ page, pool }) => {
    await page.goto('/room/demo');
    await give(page);
    await expect(dialog(page).getByRole('heading')).toHaveText('New password');
    await dialog(page).getByLabel('email').fill('amy@example.org');
    await dialog(page).getByLabel('New password').fill('short');
    await dialog(page).getByRole('button', { name: 'Go on' }).click();
    await expect(problem(page)).toContainText('Password not long enough');
    await dialog(page).getByLabel('email').fill('amy@example.org');
    await dialog(page).getByLabel('New password').fill('long enough 密码');
    await dialog(page).getByRole('button', { name: 'Go on' }).click();
    await expect(dialog(page)).toContainText('Type the code that the app on “<b>Amy</b> & phone” shows now.');
    await dialog(page).getByLabel('Code').fill('000000');
    await dialog(page).getByLabel('Code').press('Enter');
    await expect(problem(page)).toHaveText('The code is wrong. Wait for the next one, and type that.');
    await dialog(page).getByLabel('Code').fill('123 456');
    await dialog(page).getByLabel('Code').press('Enter');
    await isSignedIn(page);

    // The new one is the password from now on.
    await button(page).click();
    await dialog(page).getByRole('button', { name: 'Sign out', exact: true }).click();
    await expect(button(page)).toHaveText('Sign in');
    expect(pool.refresh.size).toBe(0);
    await give(page);
    await expect(problem(page)).toHaveText('The user name or the password is wrong.');
    await give(page, 'long enough 密码');
    await expect(dialog(page).getByRole('heading')).toHaveText('Code');
  });
});

test('what the pool refuses is told as what can be done', async ({ page, pool }) => {
  await page.goto('/room/demo');
  for (const [code, message, told] of [
    ['UserNotConfirmedException', '', 'This account is not confirmed yet.'],
    ['TooManyRequestsException', '', 'Too many attempts.'],
    ['NotAuthorizedException', 'Password attempts exceeded', 'Too many wrong passwords.'],
    ['InvalidParameterException', 'USER_SRP_AUTH is not enabled for the client.', 'USER_SRP_AUTH is not enabled'],
  ]) {
    pool.refuse('InitiateAuth', code, message);
    await give(page);
    await expect(problem(page)).toContainText(told);
  }
});

test('signing out ends it here, and everywhere where that is wanted', async ({ page, pool, browser, trusting }) => {
  await page.goto('/room/demo');
  await give(page);
  await isSignedIn(page);
  const other = await browser.newPage({ baseURL: trusting.origin, locale: 'en-US' });
  await other.goto('/room/demo');
  await give(other);
  await isSignedIn(other);
  expect(pool.refresh.size).toBe(2);

  await button(page).click();
  await expect(dialog(page).getByRole('heading')).toHaveText('Signed in as 小艾');
  await dialog(page).getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect(button(page)).toHaveText('Sign in');
  expect(pool.refresh.size).toBe(1);
  await page.reload();
  await expect(button(page)).toHaveText('Sign in');

  await button(other).click();
  await dialog(other).getByRole('button', { name: 'Sign out on all devices' }).click();
  await expect(button(other)).toHaveText('Sign in');
  expect(pool.refresh.size).toBe(0);
  await other.close();
});

test.describe('tokens that end soon', () => {
  test.use({ wants: { lifetimeS: 302 } });

  // Two seconds later they are to be renewed.
  test.beforeEach(async ({ page }) => page.clock.install());

  test('are renewed, also by the next page, each refresh token once', async ({ page, pool }) => {
    await page.goto('/room/demo');
    await give(page);
    await isSignedIn(page);
    const before = await slot(page).getAttribute('data-until');
    // What comes now lasts longer.
    pool.lifetimeS = 3_600;
    await page.clock.fastForward(2_500);
    await page.reload();
    await expect.poll(() => pool.calls.filter((call) => call === 'GetTokensFromRefreshToken').length).toBe(1);
    await expect.poll(async () => Number(await slot(page).getAttribute('data-until'))).toBeGreaterThan(Number(before));
    await expect(button(page)).toHaveText('小艾');
    expect(pool.refresh.size).toBe(1);
  });

  test('and cannot be renewed make a guest again', async ({ page, pool }) => {
    await page.goto('/room/demo');
    await give(page);
    await isSignedIn(page);
    pool.refresh.clear();
    await page.clock.fastForward(2_500);
    await page.reload();
    await expect(button(page)).toHaveText('Sign in');
    await page.reload();
    await expect(button(page)).toHaveText('Sign in');
    expect(pool.calls.filter((call) => call === 'GetTokensFromRefreshToken')).toHaveLength(1);
  });
});

test.describe("over the issuer's own page", () => {
  test.use({ offered: { hosted: true, password: false } });

  test('one signs in in another window, and the room goes on', async ({ page, pool, context }) => {
    await enter(page);
    await button(page).click();
    const opened = context.waitForEvent('page');
    await dialog(page).getByRole('button', { name: 'Go on with Danmu Club' }).click();
    await opened;
    await isSignedIn(page);
    expect(pool.calls).toEqual(['authorize', 'token']);
    await expect.poll(() => context.pages().length).toBe(1);
    await page.reload();
    await expect(button(page)).toHaveText('小艾');
  });

  test('where no window may be opened, this one goes and comes back', async ({ page, pool }) => {
    await page.addInitScript(() => (window.open = () => null));
    await page.goto('/room/demo?x=1');
    await button(page).click();
    await dialog(page).getByRole('button', { name: 'Go on with Danmu Club' }).click();
    await expect(button(page)).toHaveText('小艾');
    expect(new URL(page.url()).pathname + new URL(page.url()).search + new URL(page.url()).hash).toBe('/room/demo?x=1');
    expect(pool.calls).toEqual(['authorize', 'token']);
  });

  test('who turns back there is told so', async ({ page, pool }) => {
    pool.turnedBack = true;
    await page.goto('/room/demo');
    await button(page).click();
    await dialog(page).getByRole('button', { name: 'Go on with Danmu Club' }).click();
    await expect(problem(page)).toHaveText('Not signed in: access_denied');
  });

  test('a code that somebody else sends here signs nobody in', async ({ page, pool }) => {
    await page.goto('/room/demo#signed-in?code=stolen&state=made-up');
    await expect(button(page)).toHaveText('Sign in');
    await expect(dialog(page)).toBeVisible();
    await page.goto('/signed-in.html?code=stolen&state=made-up').catch(() => {});
    expect(pool.calls).toEqual([]);
  });
});

for (const [locale, shown] of [
  ['en-US', 'Sign in'],
  ['zh-CN', '登录'],
]) {
  test.describe(`in ${locale}, on a phone`, () => {
    test.use({ locale, viewport: { width: 360, height: 640 }, offered: { hosted: true } });

    test('the dialogue fits, and keeps nobody out', async ({ page }) => {
      await page.goto('/room/demo');
      await expect(button(page)).toHaveText(shown);
      await button(page).click();
      await expect(dialog(page).getByRole('heading')).toHaveText(shown);
      const [box, wide] = [await dialog(page).boundingBox(), await page.evaluate(() => document.documentElement.scrollWidth)];
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(360);
      expect(wide).toBeLessThanOrEqual(360);
      await page.evaluate(fs.readFileSync(axe, 'utf8'));
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
      const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
      expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`)).toEqual([]);
      if (process.env.E2E_PICTURES) await page.screenshot({ path: `${process.env.E2E_PICTURES}/sign-in-${locale}.png` });
    });
  });
}

test('whoever comes back from an issuer stays on this host, whatever the path was', async ({ page }) => {
  let elsewhere = 0;
  await page.route('http://evil.example/**', (route) => (elsewhere += 1) && route.fulfill({ body: 'evil' }));
  // Not by a pattern: two slashes in one match other paths, too.
  await page.route((url) => url.pathname.startsWith('//'), (route) => route.fulfill({ contentType: 'text/html', body: 'back' }));
  await page.goto('/robots.txt');
  const there = await page.evaluate(() => `${location.origin}//evil.example/x`);
  await page.evaluate((back) => sessionStorage.setItem('danmu-account-back', back), there);
  await page.goto('/signed-in.html?code=1');
  await expect.poll(() => page.evaluate(() => location.href)).toBe(`${there}#signed-in?code=1`);
  expect(elsewhere).toBe(0);
});
