// The overlay page where it is used: in a browser source of OBS, and in scenes of a streamer's own.
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { once } from 'node:events';
import { stopWorker, untilOnStage } from '../lib/clock.mjs';
import { test, expect } from '../lib/test.mjs';
import { pour } from '../lib/pour.mjs';
import { ulid } from '../lib/speakers.mjs';
import { enter, fresh, visiblePixels } from '../lib/room.mjs';

const LIST = '/overlay/demo?style=list';

/** What obs-browser runs when a page has been loaded, with the browser source's CSS. */
const obs = (css) =>
  `const obsCSS = document.createElement('style');
   obsCSS.innerHTML = decodeURIComponent("${encodeURIComponent(css)}");
   document.querySelector('head').appendChild(obsCSS);`;

/** The CSS that a browser source has until its streamer writes other. */
const USUAL = 'body { background-color: rgba(0, 0, 0, 0); margin: 0px auto; overflow: hidden; }';

/** Loads a page as OBS does: its statements run when it is loaded, not when it has come alive. */
async function load(page, address, css) {
  await page.addInitScript((statements) => {
    // Not by `eval`, which the page's policy is not asked about where OBS runs it.
    addEventListener('load', () => window.obs(statements));
  }, obs(css));
  const session = await page.context().newCDPSession(page);
  await page.exposeFunction('obs', (expression) => session.send('Runtime.evaluate', { expression }));
  await enter(page, address);
}

test('the custom CSS of a browser source is obeyed, and a page of people takes none', async ({ page, otherPage, server }) => {
  await load(page, LIST, `${USUAL} .danmu-text { color: rgb(1, 2, 3) !important; }`);
  await pour(server, [fresh('as the streamer likes it')]);
  await expect(page.locator('.danmu-text').last()).toHaveCSS('color', 'rgb(1, 2, 3)');
  await expect(page.locator('body')).toHaveCSS('margin', '0px');
  const policy = async (address) => (await otherPage.request.get(address)).headers()['content-security-policy'];
  expect(await policy('/overlay/demo')).toContain("style-src 'self' 'unsafe-inline'");
  expect(await policy('/room/demo')).toContain("style-src 'self';");
  expect(await policy('/overlay/demo')).not.toContain("script-src 'self' 'unsafe-inline'");
});

test.describe('with a font that does not come', () => {
  test.use({ tolerated: /ERR_FAILED/ });
  test('sheets and fonts from elsewhere may be named by the custom CSS', async ({ page }) => {
    const font = 'https://fonts.example/one.woff2';
    let asked = false;
    await page.route(font, (route) => {
      asked = true;
      return route.abort();
    });
    await page.route('https://fonts.example/sheet.css', (route) =>
      route.fulfill({ contentType: 'text/css', body: `@font-face{font-family:One;src:url(${font})}` }),
    );
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', ({ blockedURI }) => console.error(`refused: ${blockedURI}`));
    });
    await enter(page, LIST);
    await page.evaluate(async () => {
      const style = document.createElement('style');
      style.innerHTML = '@import url(https://fonts.example/sheet.css);';
      document.head.appendChild(style);
      while (document.fonts.size === 0) await new Promise((resolve) => setTimeout(resolve, 50));
      await [...document.fonts][0].load().catch(() => {});
    });
    expect(asked).toBe(true);
  });
});

test.describe('in a scene of the streamer\'s own', () => {
  const scene = (origin) => `<!doctype html><meta charset="utf-8"><iframe src="${origin}${LIST}"></iframe>`;

  /** Whether danmu reach the overlay in a frame of `address`. */
  async function shows(page, address, server) {
    await page.goto(address);
    const overlay = page.frameLocator('iframe');
    await expect(overlay.locator('[data-feed]')).toHaveAttribute('data-state', 'live');
    const text = fresh('in a frame');
    await pour(server, [text]);
    await expect(overlay.locator('.danmu-line').filter({ hasText: text })).toHaveCount(1);
  }

  test('a file frames the overlay', async ({ page, server }) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'danmu-scene-'));
    try {
      const file = path.join(folder, 'scene.html');
      await writeFile(file, scene(server.origin));
      await shows(page, pathToFileURL(file).href, server);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  /** Another site, with that page. */
  async function site(body) {
    const site = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(body));
    site.listen(0, '127.0.0.1');
    await once(site, 'listening');
    return { address: `http://localhost:${site.address().port}/`, close: () => site.close() };
  }

  test('another site frames the overlay', async ({ page, server }) => {
    const { address, close } = await site(scene(server.origin));
    try {
      await shows(page, address, server);
    } finally {
      close();
    }
  });

  test.describe('but not a page of people', () => {
    test.use({ tolerated: /frame-ancestors|ERR_BLOCKED_BY_RESPONSE/ });
    test('no other site frames a room', async ({ page, server }) => {
      const { address, close } = await site(`<iframe src="${server.origin}/room/demo"></iframe>`);
      try {
        await page.goto(address);
        await expect.poll(() => page.frames()[1].url()).toMatch(/^chrome-error:/);
      } finally {
        close();
      }
    });
  });
});

for (const name of ['M+ 1c', "Jack's (Bold)", 'Black & White', 'a"b\\c;{}']) {
  test(`a font named ${name} is asked for by that name, in a list and where danmu fly`, async ({ page, context, server }) => {
    const address = `font=${encodeURIComponent(name)}`;
    await enter(page, `${LIST}&${address}`);
    const families = await page.locator('.danmu-list ol').evaluate((list) => getComputedStyle(list).fontFamily);
    const quoted = `"${name.replace(/["\\]/g, '\\$&')}"`;
    expect(families.startsWith(`${quoted}, system-ui`) || families.startsWith(`${name}, system-ui`), families).toBe(true);
    await expect(page.locator('[data-problem]')).toHaveText('');
    const flying = await context.newPage();
    await enter(flying, `/overlay/demo?${address}`);
    const [worker] = flying.workers().length > 0 ? flying.workers() : [await flying.waitForEvent('worker')];
    await worker.evaluate(() => {
      self.asked = [];
      const { set, get } = Object.getOwnPropertyDescriptor(OffscreenCanvasRenderingContext2D.prototype, 'font');
      const note = function (font) {
        self.asked.push(font);
        set.call(this, font);
      };
      Object.defineProperty(OffscreenCanvasRenderingContext2D.prototype, 'font', { set: note, get });
    });
    await pour(server, [fresh('in that font')]);
    await expect.poll(() => worker.evaluate(() => self.asked.at(-1) ?? '')).toContain(`px ${quoted},"PingFang SC"`);
  });
}

test.describe('whose system asks for less motion', () => {
  test.use({ contextOptions: { reducedMotion: 'reduce' } });

  const picture = async (page) => (await page.locator('canvas').screenshot({ omitBackground: true })).toString('base64');

  /** Whether what is on air is elsewhere half a second later. */
  async function moves(page, address, server) {
    await enter(page, address);
    const clock = await stopWorker(page);
    await pour(server, [fresh('on air')]);
    await untilOnStage(page, clock, 1);
    await clock.pass(1_000);
    await expect.poll(() => visiblePixels(page)).toBeGreaterThan(100);
    const before = await picture(page);
    await clock.pass(500);
    return (await picture(page)) !== before;
  }

  test('danmu fly on air, whose viewers asked for nothing', async ({ page, server }) => {
    expect(await moves(page, '/overlay/demo', server)).toBe(true);
  });

  test('danmu stand still where the address says so', async ({ page, server }) => {
    expect(await moves(page, '/overlay/demo?motion=no', server)).toBe(false);
  });

  test('lines of a list come in as the address says', async ({ page, otherPage, server }) => {
    await enter(page, LIST);
    await enter(otherPage, `${LIST}&motion=no`);
    const text = fresh('coming in');
    await pour(server, [text]);
    const line = (page) => page.locator('.danmu-line').filter({ hasText: text });
    await expect(line(page)).toHaveCSS('animation-name', 'danmu-enter');
    await expect(line(otherPage)).toHaveCSS('animation-name', 'none');
  });
});

test('dark danmu of a list have something light around them, and a streamer\'s rule goes before it', async ({
  page,
  server,
}) => {
  const danmu = (color) => JSON.stringify({ v: 1, id: ulid(), room: 'demo', text: fresh(color), color });
  await load(page, LIST, '.danmu-text { letter-spacing: 2px; }');
  await pour(server, [danmu('#101040'), danmu('#ffffff')]);
  const shadow = (color) =>
    page.locator('.danmu-text').filter({ hasText: color }).last().evaluate((text) => getComputedStyle(text).textShadow);
  await expect(page.locator('.danmu-text').filter({ hasText: '#ffffff' })).not.toHaveCount(0);
  expect(await shadow('#101040')).toContain('rgb(255, 255, 255)');
  expect(await shadow('#ffffff')).not.toContain('rgb(255, 255, 255)');
  await page.evaluate(obs('.danmu-text { text-shadow: none; }'));
  expect([await shadow('#101040'), await shadow('#ffffff')]).toEqual(['none', 'none']);
});
