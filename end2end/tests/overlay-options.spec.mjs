// Options of the overlay page: from when on, of whom, with what badges, by whose style sheet, and by which preset.
import { test, expect } from '../lib/test.mjs';
import { CHATTY, startServer } from '../lib/server.mjs';
import { enter, fresh, line, say } from '../lib/room.mjs';
import { openStudio } from '../lib/studio.mjs';

const listed = (page, text) => page.locator('.danmu-list .danmu-line').filter({ hasText: text });

test('a list that starts empty shows what is said from then on, and a reload empties it', async ({ page, context, otherPage }) => {
  await enter(otherPage);
  const [before, after] = ['before', 'after'].map(fresh);
  await say(otherPage, before);
  await expect(line(otherPage, before)).toHaveAttribute('data-state', 'confirmed');
  // It shares a feed that has the past.
  const whole = await context.newPage();
  await enter(whole, '/overlay/demo?style=list');
  await expect(listed(whole, before)).toHaveCount(1);
  await enter(page, '/overlay/demo?style=list&history=0');
  await say(otherPage, after);
  await expect(listed(page, after)).toHaveCount(1);
  await expect(listed(page, before)).toHaveCount(0);
  await page.reload();
  const last = fresh('last');
  await say(otherPage, last);
  await expect(listed(page, last)).toHaveCount(1);
  await expect(listed(page, after)).toHaveCount(0);
});

test('whose danmu are shown, and with which badges, is what the address says', async ({ page, context, otherPage }) => {
  const server = await startServer({}, CHATTY);
  try {
    await openStudio(page, server);
    await enter(page, `${server.origin}/room/demo`);
    await enter(otherPage, `${server.origin}/room/demo`);
    const [crew, plain] = [await context.newPage(), await context.newPage()];
    await enter(crew, `${server.origin}/overlay/demo?style=list&hide=viewers,members`);
    await enter(plain, `${server.origin}/overlay/demo?style=list&hide=streamers&badges=no`);
    const [streamers, guests] = ['by the streamer', 'by a guest'].map(fresh);
    await say(otherPage, guests);
    await expect(listed(plain, guests)).toHaveCount(1);
    await say(page, streamers);
    await expect(listed(crew, streamers)).toHaveCount(1);
    await expect(listed(crew, guests)).toHaveCount(0);
    await expect(listed(plain, streamers)).toHaveCount(0);
    const badge = (page) =>
      page.locator('.danmu-name').first().evaluate((name) => getComputedStyle(name, '::before').content);
    expect(await badge(crew)).toBe('"Streamer"');
    expect(await badge(plain)).toBe('none');
  } finally {
    await Promise.all(context.pages().map((each) => each.goto('about:blank')));
    await otherPage.goto('about:blank');
    await server.stop();
  }
});

test.describe('with a style sheet in the address', () => {
  test.use({ tolerated: /Content Security Policy|ERR_FAILED/ });

  test('it is obeyed, and loads nothing from anywhere', async ({ page, otherPage }) => {
    const asked = [];
    await page.route(/https:\/\/\w+\.example\//, (route) => {
      asked.push(route.request().url());
      if (route.request().url().endsWith('/plain.css')) {
        return route.fulfill({ contentType: 'text/css', body: '.danmu-text{color:rgb(7,8,9)!important}' });
      }
      return route.request().url().endsWith('/a.css')
        ? route.fulfill({
            contentType: 'text/css',
            body: '@import url(https://evil.example/b.css); .danmu-text{color:rgb(1,2,3)!important;background:url(https://css.example/pixel.png)}',
          })
        : route.abort();
    });
    await enter(page, `/overlay/demo?style=list&css=${encodeURIComponent('https://css.example/a.css')}`);
    await enter(otherPage);
    const text = fresh('in a style of its own');
    await say(otherPage, text);
    await expect(listed(page, text).locator('.danmu-text')).toHaveCSS('color', 'rgb(1, 2, 3)');
    expect(asked).toEqual(['https://css.example/a.css']);
    const note = page.locator('[data-note]');
    await expect(note).toHaveText('The style sheet of this page, or what it imports, could not be loaded.');
    await enter(page, `/overlay/demo?style=list&css=${encodeURIComponent('https://css.example/plain.css')}`);
    await expect(listed(page, text).locator('.danmu-text')).toHaveCSS('color', 'rgb(7, 8, 9)');
    await expect(note).toBeHidden();

    await enter(page, `/overlay/demo?style=list&css=${encodeURIComponent('.danmu-line > .danmu-text{color:rgb(4,5,6)!important}')}`);
    await expect(listed(page, text).locator('.danmu-text')).toHaveCSS('color', 'rgb(4, 5, 6)');
  });

  test('one that does not come is said where nobody on air sees it', async ({ page }) => {
    await page.route('https://css.example/**', (route) => route.abort());
    await enter(page, '/overlay/demo?css=https://css.example/gone.css');
    await expect(page.locator('[data-note]')).toHaveText('The style sheet of this page, or what it imports, could not be loaded.');
    await expect(page.locator('[data-note]')).toBeVisible();
  });
});

test('a preset is one button in the studio, and what is changed after it goes over it', async ({ page }) => {
  const server = await startServer({}, CHATTY);
  try {
    await openStudio(page, server);
    await page.locator('.maker summary').click();
    const address = page.locator('#overlay-address');
    const query = (query) => expect(address).toHaveValue(`${server.origin}/overlay/demo${query}`);
    const big = page.getByRole('button', { name: 'Big' });
    await big.click();
    await expect(big).toHaveAttribute('aria-pressed', 'true');
    await query('?preset=big');
    await expect(page.getByLabel('Size')).toHaveValue('170');
    await page.getByLabel('Size').fill('100');
    await query('?preset=big&size=100');
    await page.getByLabel('Starts empty: nothing that was said before').check();
    await page.getByRole('checkbox', { name: 'guests' }).check();
    await query('?preset=big&size=100&history=0&hide=viewers');
    await big.click();
    await expect(big).toHaveAttribute('aria-pressed', 'false');
    await query('?history=0&hide=viewers');
    await page.getByLabel('Style sheet: its https address, or CSS').fill('.a{}');
    await page.getByLabel('Style sheet: its https address, or CSS').blur();
    await query('?history=0&hide=viewers&css=.a%7B%7D');
  } finally {
    await page.goto('about:blank');
    await server.stop();
  }
});
