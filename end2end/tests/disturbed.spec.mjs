// What other programs do to pages: extensions, translators, virus scanners and proxies put nodes into them, wrap their texts and
// strip their comments, before the page is alive and after.
import { test, expect } from '../lib/test.mjs';
import { startServer } from '../lib/server.mjs';
import { composer, enter, fresh, input, line, problem, say } from '../lib/room.mjs';

/** Holds the page's module until the answer is called; gives a promise of its being asked for, too. */
async function holdModule(page) {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route(/\/pkg\/danmu\.\w+\.wasm$/, async (route) => {
    await held;
    await route.continue();
  });
  return release;
}

/** Lets `change` have the document's HTML on its way. */
const rewrite = (page, change) =>
  page.route('**/room/demo', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: change(await answer.text()) });
  });

/** That a viewer can use the page: what is said, the counter, the language. */
async function works(page) {
  await expect(composer(page)).toHaveAttribute('data-ready', 'true');
  await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
  await input(page).fill('three');
  await expect(composer(page).locator('.count')).toHaveText('5 of 100');
  const text = fresh('alive all the same');
  await say(page, text);
  await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  await expect(page.locator('#start-failure')).toHaveCount(0);
  await page.locator('[data-language]').click();
  await expect(page.locator('[data-feed]')).toHaveText('直播中');
}

test.describe('before it is alive, a page may be given', () => {
  const changes = {
    'an element first in its body': () => document.body.prepend(document.createElement('div')),
    'an element first in the player': () => document.querySelector('.player').prepend(document.createElement('div')),
    'a script behind its body': () => document.documentElement.append(document.createElement('script')),
    'an icon behind the field that one writes in': () =>
      document.querySelector('#say').after(document.createElement('img')),
    'texts in font elements': () => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      const texts = [];
      while (walker.nextNode()) if (walker.currentNode.data.trim()) texts.push(walker.currentNode);
      for (const text of texts) {
        if (text.parentElement.closest('script,noscript')) continue;
        const font = document.createElement('font');
        text.replaceWith(font);
        font.append(text.data);
      }
    },
    'no comments': () => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
      const comments = [];
      while (walker.nextNode()) comments.push(walker.currentNode);
      comments.forEach((comment) => comment.remove());
    },
    'no element of the app': () => document.querySelector('main').remove(),
  };
  for (const [name, change] of Object.entries(changes)) {
    test(name, async ({ page }) => {
      const release = await holdModule(page);
      await page.goto('/room/demo');
      await page.evaluate(change);
      release();
      await works(page);
    });
  }

  test('an HTML without comments, by a proxy', async ({ page }) => {
    await rewrite(page, (html) => html.replaceAll(/<!(?!DOCTYPE)[^>]*>/gi, ''));
    await page.goto('/room/demo');
    await works(page);
  });

  test('a script of a proxy behind its end, and one before its first element', async ({ page }) => {
    await rewrite(page, (html) => html.replace('<body>', '<body><div id="toolbar"></div>') + '<script></script>');
    await page.goto('/room/demo');
    await works(page);
  });

  test('and what was typed meanwhile stays', async ({ page }) => {
    const release = await holdModule(page);
    await page.goto('/room/demo');
    const text = fresh('typed early');
    await input(page).fill(text);
    await page.evaluate(() => {
      document.querySelector('input[value=top]').checked = true;
      document.querySelector('.player').prepend(document.createElement('div'));
    });
    release();
    await expect(composer(page)).toHaveAttribute('data-ready', 'true');
    await expect(input(page)).toHaveValue(text);
    await expect(input(page)).toBeFocused();
    await expect(page.locator('input[value=top]')).toBeChecked();
  });
});

test('a page that nobody touched keeps its elements', async ({ page }) => {
  const release = await holdModule(page);
  await page.goto('/room/demo');
  await page.evaluate(() => {
    window.elements = [...document.querySelectorAll('#app *')];
  });
  release();
  await expect(composer(page)).toHaveAttribute('data-ready', 'true');
  expect(await page.evaluate(() => window.elements.filter((element) => !element.isConnected).length)).toBe(0);
});

for (const address of ['/', '/no/such/page', '/overlay/demo?style=list']) {
  test.describe('the page at ' + address, () => {
    test.use({ tolerated: /status of 404/ });

    test('comes alive with a foreign element in its first one', async ({ page }) => {
      const release = await holdModule(page);
      await page.goto(address);
      await page.evaluate(() => {
        document.querySelector('main').prepend(document.createElement('div'));
        document.body.prepend(document.createElement('div'));
      });
      release();
      await expect(page.locator('#start-failure')).toHaveCount(0);
      await expect(page.locator('main > div')).toHaveCount(0);
    });
  });
}

test.describe('a page that does not start says why:', () => {
  test.use({ tolerated: /ERR_|[Ff]ailed to fetch|Failed to load|unreachable|status of 404/ });

  const failure = (page) => page.locator('#start-failure');

  for (const [name, address] of [
    ['its script cannot be fetched', /\/pkg\/danmu\.\w+\.js$/],
    ['its module cannot be fetched', /\/pkg\/danmu\.\w+\.wasm$/],
  ]) {
    test(name, async ({ page }, testInfo) => {
      await page.route(address, (route) => route.abort());
      await page.goto('/room/demo');
      await expect(failure(page)).toContainText('A part of this page could not be loaded');
      await expect(failure(page).getByRole('link', { name: 'Reload the page' })).toBeInViewport();
      await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'stopped');
      await expect(page.locator('[data-feed]')).toContainText('could not be loaded');
      await page.screenshot({ path: testInfo.outputPath('not-loaded.png') });
      await page.unroute(address);
      await failure(page).getByRole('link').click();
      await works(page);
    });
  }

  test('the server refuses its module', async ({ page }) => {
    await page.route(/\/pkg\/danmu\.\w+\.wasm$/, (route) => route.fulfill({ status: 404, body: 'none' }));
    await page.goto('/room/demo');
    await expect(failure(page)).toContainText('A part of this page could not be loaded');
  });

  test('it is changed beyond what can be mended', async ({ page }) => {
    await rewrite(page, (html) => html.replace(/<script id="app-copy".*?<\/script>/s, '').replace(/<main.*<\/main>/s, ''));
    await page.goto('/room/demo');
    await expect(failure(page)).toContainText('This page did not start');
  });

  test('it takes long, and nothing any more when it has started', async ({ page }) => {
    await page.clock.install();
    const release = await holdModule(page);
    await page.goto('/room/demo');
    await page.clock.fastForward(20_000);
    await expect(failure(page)).toContainText('still loading');
    release();
    await works(page);
  });

  test('on the overlay page where nobody sees it', async ({ page }) => {
    await page.route(/\/pkg\/danmu\.\w+\.wasm$/, (route) => route.abort());
    await page.goto('/overlay/demo');
    await expect(failure(page)).toContainText('could not be loaded');
    await expect(failure(page)).toBeHidden();
    await expect(page.locator('[data-feed]')).toHaveAttribute('data-state', 'stopped');
  });

  test('what draws danmu does not come', async ({ page }, testInfo) => {
    await page.route('**/pkg/danmu-overlay.*', (route) => route.abort());
    await enter(page);
    await expect(page.locator('.stage .note:visible')).toContainText('draws danmu could not be loaded');
    await page.screenshot({ path: testInfo.outputPath('not-drawn.png') });
    const text = fresh('in the chat at least');
    await say(page, text);
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
  });
});

/**
 * Does what translators of browsers do: puts font elements into the place of text nodes, wherever it may, and again when they
 * change. What it made of a text has it in brackets.
 */
function translate() {
  const may = (text) => text.data.trim() && !text.parentElement?.closest('[translate=no],font,script,style,noscript');
  const turn = (text) => {
    const font = document.createElement('font');
    font.append(document.createElement('font'));
    font.firstChild.textContent = `«${text.data.trim()}»`;
    text.replaceWith(font);
  };
  const turnAll = (root) => {
    const texts = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) if (may(walker.currentNode)) texts.push(walker.currentNode);
    if (root.nodeType === Node.TEXT_NODE && may(root)) texts.push(root);
    texts.forEach(turn);
  };
  turnAll(document.body);
  new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      for (const node of type === 'characterData' ? [target] : addedNodes) if (node.isConnected) turnAll(node);
    }
  }).observe(document.body, { childList: true, characterData: true, subtree: true });
}

test.describe('a page that a browser translates', () => {
  test('goes on saying what is so', async ({ page, otherPage }) => {
    await enter(page);
    await enter(otherPage);
    await page.evaluate(translate);
    await expect(page.locator('[data-feed]')).toHaveText('«Live»');

    // The counter is no language.
    const count = composer(page).locator('.count');
    await input(page).fill('ab');
    await expect(count).toHaveText('2 of 100');
    await input(page).fill('abc');
    await expect(count).toHaveText('3 of 100');

    // Problems come, change and go.
    await say(page, '');
    await expect(problem(page)).toHaveText('«Type something first.»');
    await say(page, 'x'.repeat(101));
    await expect(problem(page)).toHaveText('«101 characters; 100 are allowed.»');
    await input(page).fill('x');
    await expect(problem(page)).toHaveText('');
    await say(page, '');
    await expect(problem(page)).toHaveText('«Type something first.»');

    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route('**/aws/**', async (route) => {
      await held;
      await route.continue();
    });
    const text = fresh('to be translated');
    await say(page, text);
    const status = line(page, text).locator('small');
    await expect(status).toHaveText('«on its way»');
    release();
    await expect(line(page, text)).toHaveAttribute('data-state', 'confirmed');
    await expect(status).toHaveText('');

    // Who said it is nobody's to translate; and it may come to be known later.
    await expect(line(otherPage, text).locator('.danmu-name')).toHaveText(/^Guest/);
    const name = await line(otherPage, text).locator('.danmu-name').innerText();
    await expect(line(page, text).locator('.danmu-name')).toHaveText(name);

    // Another language is one of every text.
    await page.locator('[data-language]').click();
    await expect(page.locator('[data-feed]')).toHaveText('«直播中»');
    await expect(page.locator('.send span')).toHaveText('«发送»');
    await expect(page.locator('[data-language]')).toHaveText('English');
  });

  test('keeps its state when the connection goes and comes', async ({ page }) => {
    const server = await startServer();
    try {
      await enter(page, `${server.origin}/room/demo`);
      await page.evaluate(translate);
      await page.route('**/events?*', (route) => route.abort());
      await server.fall();
      await expect(page.locator('[data-feed]')).toHaveText('«Connection lost; trying again»');
      await page.unroute('**/events?*');
      await server.rise();
      await expect(page.locator('[data-feed]')).toHaveText('«Live»');
    } finally {
      await page.close();
      await server.stop();
    }
  });
  test.use({ tolerated: /ERR_/ });
});
