import { chromium } from '@playwright/test';
import { browserOptions } from '../lib/browser.mjs';
import { test, expect, guard } from '../lib/test.mjs';
import { pour } from '../lib/pour.mjs';
import { startServer } from '../lib/server.mjs';
import { recordsOf, sessionsOf } from '../lib/signed.mjs';
import { enter, fresh, input, line, lines, problem, say } from '../lib/room.mjs';

const author = (page, text) => line(page, text).locator('.danmu-name');

/** Notes which of the modules that are loaded later `page` loads. */
function modulesOf(page) {
  const modules = new Set();
  page.on('request', (request) => {
    const name = /\/danmu-(\w+)\.\w+\.wasm$/.exec(new URL(request.url()).pathname)?.[1];
    if (name) modules.add(name);
  });
  return modules;
}

/** Says a text, and waits until it is on the stream; gives its record. */
async function confirmed(page, records, text) {
  await say(page, text);
  await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  await expect(line(page, text)).toHaveCount(1);
  return records.find(({ danmu }) => danmu.text === text);
}

test('what a page says is signed, and shown with the name of who said it', async ({ page, otherPage }, testInfo) => {
  const [records, sessions, modules] = [recordsOf(page), sessionsOf(page), modulesOf(page)];
  await enter(page);
  await enter(otherPage);
  // Asked for no sooner than somebody means to speak.
  expect(sessions).toEqual([]);
  const text = fresh('whose is this');
  const record = await confirmed(page, records, text);
  expect(record).toMatchObject({ signed: true, header: { alg: 'EdDSA', typ: 'danmu+jwt' } });
  expect(record.ticket).toMatchObject({ aud: 'demo', role: 'viewer' });
  expect(record.key).toBe(sessions[0].key);
  const name = `Guest ${record.ticket.sub.slice(-4)}`;
  for (const each of [page, otherPage]) await expect(author(each, text)).toHaveText(name);
  await page.screenshot({ path: testInfo.outputPath('own.png') });
  await otherPage.screenshot({ path: testInfo.outputPath('other.png') });
  expect([...modules]).toEqual(['overlay']);
});

test.describe('in Chinese, on a phone', () => {
  test.use({ locale: 'zh-CN', viewport: { width: 390, height: 844 } });

  test('a guest is 游客', async ({ page, otherPage }, testInfo) => {
    await enter(page);
    await enter(otherPage);
    const text = fresh('前方高能');
    await say(otherPage, text);
    await say(page, fresh('我也来一条'));
    await expect(author(page, text)).toHaveText(/^游客 [0-9a-f]{4}\s*$/);
    await page.screenshot({ path: testInfo.outputPath('phone.png') });
  });
});

test('all tabs of a browser know what is their viewer’s own', async ({ page, context, otherPage }) => {
  const tab = await context.newPage();
  await enter(page);
  await enter(tab);
  await enter(otherPage);
  const [mine, other] = [fresh('from the other tab'), fresh('from the other browser')];
  await say(page, mine);
  await say(otherPage, other);
  await expect(line(tab, mine)).toHaveAttribute('data-own', 'true');
  await expect(line(tab, other)).toHaveCount(1);
  await expect(line(tab, other)).not.toHaveAttribute('data-own', 'true');
  await tab.reload();
  await expect(line(tab, mine)).toHaveAttribute('data-own', 'true');
});

test('one key and one viewer for all tabs and visits of a browser', async ({ context }) => {
  await context.clock.install();
  // A page waits for the browser's store for two seconds only: here they do not pass, however busy the machine is.
  const stand = async () => context.clock.pauseAt(await tabs[0].evaluate(() => Date.now() + 1_000));
  const tabs = await Promise.all([1, 2, 3].map(() => context.newPage()));
  const sessions = tabs.map(sessionsOf);
  for (const tab of tabs) await enter(tab);
  await stand();
  // All at once: nobody has a key yet, nor a cookie.
  await Promise.all(tabs.map((tab) => input(tab).focus()));
  await expect.poll(() => sessions.flat().length).toBe(3);
  await context.clock.resume();
  await tabs[0].reload();
  await expect(tabs[0].locator('[data-composer]')).toHaveAttribute('data-ready', 'true');
  await stand();
  await input(tabs[0]).focus();
  await expect.poll(() => sessions.flat().length).toBe(4);
  expect(new Set(sessions.flat().map(({ key }) => key)).size).toBe(1);
  const stored = await tabs[0].evaluate(async () => {
    const opening = indexedDB.open('danmu');
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const asking = opening.result.transaction('keys').objectStore('keys').get('pair');
    await new Promise((resolve) => (asking.onsuccess = resolve));
    return asking.result.key.extractable;
  });
  expect(stored).toBe(false);
  await Promise.all(tabs.map((tab) => tab.close()));
});

test('a room that wants signed danmu shows them, and no others', async ({ page, otherPage }) => {
  const server = await startServer({}, "[[rooms]]\nid = 'quiet'\nvideo = '/sample.mp4'\n");
  try {
    await enter(page, `${server.origin}/room/quiet`);
    await enter(otherPage, `${server.origin}/room/quiet?feed=direct`);
    const [plain, text] = [fresh('without a ticket'), fresh('with one')];
    await pour(server, [plain], 'quiet');
    await say(page, text);
    for (const each of [page, otherPage]) {
      await expect(author(each, text)).toHaveText(/^Guest/);
      await expect(lines(each)).toHaveCount(1);
    }
  } finally {
    // The pages first: they read on, and would complain of a server that is gone.
    await Promise.all([page.close(), otherPage.close()]);
    await server.stop();
  }
});

for (const way of ['', '?feed=direct']) {
  test(`a forged danmu is shown to nobody${way && ', read directly'}`, async ({ page, otherPage, server }) => {
    const [records, modules] = [recordsOf(page), modulesOf(otherPage)];
    await enter(page);
    await enter(otherPage, `/room/demo${way}`);
    const [text, forged, last] = ['true', 'forged', 'last'].map(fresh);
    const record = await confirmed(page, records, text);
    await expect(author(otherPage, text)).toHaveText(`Guest ${record.ticket.sub.slice(-4)}`);
    await pour(server, [record.forge(forged), record.text]);
    // Plain ones are shown in this room, without a name.
    await pour(server, [last]);
    await expect(line(otherPage, last)).toHaveCount(1);
    await expect(author(otherPage, last)).toHaveText('');
    for (const each of [page, otherPage]) {
      await expect(line(each, forged)).toHaveCount(0);
      await expect(line(each, text)).toHaveCount(1);
    }
    expect(modules.has('reader')).toBe(way !== '');
    expect(modules.has('signer')).toBe(false);
  });
}

test('a ticket is renewed with its session, for the same key', async ({ page }) => {
  await page.clock.install();
  const [records, sessions] = [recordsOf(page), sessionsOf(page)];
  await enter(page);
  // An answer corrects the page's clock: none is to come after it was put forward.
  const answered = page.waitForResponse('**/aws/**');
  const before = await confirmed(page, records, fresh('before'));
  await (await answered).finished();
  // No timer fires: a feed that seems silent for an hour would ask anew, and be told the time.
  await page.clock.setSystemTime(Date.now() + 3_585_000);
  const after = await confirmed(page, records, fresh('after an hour'));
  expect(sessions).toHaveLength(2);
  expect(after.ticket.iat).toBeGreaterThanOrEqual(before.ticket.iat);
  expect([after.key, after.ticket.sub, after.signed]).toEqual([before.key, before.ticket.sub, true]);
  await expect(line(page, after.danmu.text)).toHaveCount(1);
});

test.describe('when the stream cannot be reached', () => {
  test.use({ tolerated: /ERR_FAILED/ });

  test('what failed goes again under the same id, signed anew', async ({ page, otherPage }) => {
    await page.clock.install();
    const records = recordsOf(page);
    await enter(page);
    await enter(otherPage);
    await confirmed(page, records, fresh('all is well'));
    await page.route('**/aws/**', (route) => route.abort());
    const text = fresh('twice');
    await say(page, text);
    await page.clock.fastForward(16_000);
    await expect(input(page)).toHaveValue(text);
    const tried = records.filter(({ danmu }) => danmu.text === text);
    await page.unroute('**/aws/**');
    await input(page).press('Enter');
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    await expect(line(otherPage, text)).toHaveCount(1);
    const same = records.filter(({ danmu }) => danmu.text === text);
    expect(new Set(same.map(({ danmu }) => danmu.id)).size).toBe(1);
    expect(same.every(({ signed }) => signed)).toBe(true);
    // Of the first, every try had the same bytes.
    expect(new Set(tried.map(({ text }) => text)).size).toBe(1);
    // The clock that was moved here is found to be wrong by the first answer, and then it is said once more.
    expect(same.slice(tried.length).every(({ text }) => text !== tried[0].text)).toBe(true);
    expect(same.length).toBeGreaterThan(tried.length);
  });
});

test('who is too fast is told so, and loses nothing', async ({ page, otherPage }) => {
  await page.clock.install();
  await enter(page);
  await enter(otherPage);
  const texts = Array.from({ length: 9 }, (_, n) => fresh(`fast ${n}`));
  await input(page).focus();
  // All at one time, of which the page has a bucket full.
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1_000));
  const [at_once, late] = [texts.slice(0, 5), texts.slice(5)];
  // Answers tell the time, too: none comes while it stands still.
  let answer;
  const answered = new Promise((resolve) => (answer = resolve));
  await page.route('**/aws/**', async (route) => {
    await answered;
    await route.continue();
  });
  for (const text of at_once) {
    await say(page, text);
    await expect(input(page)).toHaveValue('');
  }
  await say(page, late[0]);
  await expect(problem(page)).toHaveText(/faster than this room allows.*1 s/);
  await expect(input(page)).toHaveValue(late[0]);
  await page.clock.resume();
  answer();
  // The room's own bucket fills from when they arrive.
  for (const text of at_once) await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  for (const text of late) {
    await input(page).fill(text);
    await expect(async () => {
      await input(page).press('Enter');
      expect(await input(page).inputValue()).toBe('');
    }).toPass();
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  }
  await expect(line(otherPage, 'fast')).toHaveCount(texts.length);
});

test.describe('where nothing can be kept', () => {
  test('a page signs with a key of its own', async ({ page }) => {
    await page.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('no storage in this window', 'InvalidStateError');
      };
    });
    const records = recordsOf(page);
    await enter(page);
    expect((await confirmed(page, records, fresh('in private'))).signed).toBe(true);
  });

  test('a store that does not answer costs a moment', async ({ page }) => {
    await page.addInitScript(() => (IDBFactory.prototype.open = () => ({})));
    const records = recordsOf(page);
    await enter(page);
    expect((await confirmed(page, records, fresh('patience'))).signed).toBe(true);
  });
});

test.describe('a browser without Ed25519', () => {
  test('signs by the module that is loaded for it, with one key', async ({ page, otherPage }) => {
    await page.addInitScript(() => {
      const { generateKey } = SubtleCrypto.prototype;
      SubtleCrypto.prototype.generateKey = function (algorithm, ...rest) {
        if ((algorithm.name ?? algorithm) !== 'Ed25519') return generateKey.call(this, algorithm, ...rest);
        return Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'));
      };
    });
    const [records, modules] = [recordsOf(page), modulesOf(page)];
    await enter(page);
    await enter(otherPage);
    expect(modules.has('signer')).toBe(false);
    const first = await confirmed(page, records, fresh('by hand'));
    expect(modules.has('signer')).toBe(true);
    await expect(author(otherPage, first.danmu.text)).toHaveText(/^Guest/);
    await page.reload();
    await enter(page);
    const second = await confirmed(page, records, fresh('again'));
    expect([second.key, second.signed]).toEqual([first.key, true]);
  });
});

test.describe('an address that is no secure context', () => {
  test('has signed danmu all the same, and verifies what it reads itself', async ({ otherPage, complaints }) => {
    // As a phone reaches a machine by its address.
    const server = await startServer({ DANMU_FEED__DIRECT: 'on' }, '', '0.0.0.0');
    const args = [...browserOptions.args, '--host-resolver-rules=MAP danmu.test 127.0.0.1'];
    const browser = await chromium.launch({ ...browserOptions, args });
    try {
      const context = await browser.newContext({ locale: 'en-US' });
      guard(context, complaints);
      const page = await context.newPage();
      const [records, modules] = [recordsOf(page), modulesOf(page)];
      const address = server.origin.replace('127.0.0.1', 'danmu.test');
      await enter(page, `${address}/room/demo?feed=direct`);
      expect(await page.evaluate(() => [isSecureContext, typeof crypto.subtle])).toEqual([false, 'undefined']);
      await enter(otherPage, `${server.origin}/room/demo`);
      const [mine, theirs, forged] = ['from afar', 'from here', 'forged'].map(fresh);
      const record = await confirmed(page, records, mine);
      expect(record.signed).toBe(true);
      await pour(server, [record.forge(forged)]);
      await say(otherPage, theirs);
      await expect(author(otherPage, mine)).toHaveText(`Guest ${record.ticket.sub.slice(-4)}`);
      await expect(author(page, theirs)).toHaveText(/^Guest/);
      for (const each of [page, otherPage]) await expect(line(each, forged)).toHaveCount(0);
      expect([...modules].sort()).toEqual(['overlay', 'reader', 'signer']);
    } finally {
      await Promise.all([browser.close(), otherPage.close()]);
      await server.stop();
    }
  });
});
