// From a moderator's click to the last screen: one danmu is hidden while 200 a second are said, on two replicas with 100 feeds each
// (raw bytes) and three pages (list and pixels).
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from '@playwright/test';
import { browserOptions } from '../../lib/browser.mjs';
import { quantile } from '../../lib/bench.mjs';
import { enter } from '../../lib/room.mjs';
import { CHATTY, startServer } from '../../lib/server.mjs';
import { speakers } from '../../lib/speakers.mjs';
import { openFeeds, past } from './feeds.mjs';
import { call, streamer } from './people.mjs';
import { talk } from './talk.mjs';

const RATE = 200;
const FEEDS = 100;
/** Nothing else has this colour. */
const COLOR = '#ff00fe';
/** Only ends what hangs. */
const PATIENCE_MS = 30_000;

/** Watches the list and the picture of a page, in the page: when a text and its colour were seen last. */
const watch = (page) =>
  page.evaluate(() => {
    const picture = document.querySelector('canvas');
    const copy = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    window.probe = { text: '', listed: 0, painted: 0 };
    const now = () => performance.timeOrigin + performance.now();
    // A busy page looks at its picture a few times a second; of its list it is told each line.
    const isProbe = (node) => window.probe.text && node.textContent.includes(window.probe.text);
    new MutationObserver((changes) => {
      const all = changes.flatMap(({ addedNodes, removedNodes }) => [...addedNodes, ...removedNodes]);
      if (all.some(isProbe)) window.probe.listed = now();
    }).observe(document.querySelector('[data-chat]'), { childList: true, subtree: true });
    const look = () => {
      const { probe } = window;
      if (probe.text) {
        const { width, height } = picture;
        if (width && height) {
          Object.assign(copy.canvas, { width, height });
          copy.drawImage(picture, 0, 0);
          const { data } = copy.getImageData(0, 0, width, height);
          for (let at = 0; at < data.length; at += 4) {
            if (data[at] === 255 && data[at + 1] === 0 && data[at + 2] === 254 && data[at + 3] === 255) {
              probe.painted = now();
              break;
            }
          }
        }
      }
      setTimeout(look, 15);
    };
    look();
  });

/** How long a danmu may take to be on all pictures. */
const SEEN_MS = 2_000;

/** Resolves when `done()` is true; throws with `what` if it never is. */
async function until(what, done) {
  const since = Date.now();
  while (!(await done())) {
    if (Date.now() - since > PATIENCE_MS) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(5);
  }
}

/** Hides one danmu in each of `rounds`; the milliseconds until it was gone from the last of each kind of screen. */
export async function hideBench(rounds) {
  const settings = { DANMU_RELAY__DENSITY: '0' };
  const first = await startServer(settings, CHATTY);
  const second = await startServer(settings, CHATTY, '127.0.0.1', first);
  const browser = await chromium.launch(browserOptions);
  const [sent, round] = [{ text: '' }, { gone: null }];
  const heard = (chunk, feed) => {
    const now = Date.now();
    if (!round.id || feed.round !== round.number) {
      if (!round.id && sent.text && chunk.includes(sent.text)) round.found ??= /"id":"([^"]+)"[^{}]*?"text":"[^"]*probe/.exec(chunk.slice(chunk.lastIndexOf('{', chunk.indexOf(sent.text))))?.[1];
      if (round.id && chunk.includes('retracted') && chunk.includes(`"id":"${round.id}"`)) {
        feed.round = round.number;
        feed.goneAt = now;
        round.count += 1;
      }
      return;
    }
    if (chunk.includes(sent.text)) throw new Error(`a feed is sent again what was hidden: ${sent.text}`);
  };
  try {
    const host = await streamer(first);
    const both = await Promise.all([first, second].map((server) => openFeeds(server, FEEDS, heard)));
    const context = await browser.newContext({ viewport: { width: 640, height: 700 } });
    const pages = [];
    for (const server of [first, second, first]) {
      const page = await context.newPage();
      await enter(page, `${server.origin}/room/demo`);
      await watch(page);
      pages.push(page);
    }
    const crowd = await speakers(first, 41);
    const talking = talk(crowd, RATE);
    const times = { bytes: [], lists: [], pixels: [] };
    const probes = () => Promise.all(pages.map((page) => page.evaluate(() => window.probe)));
    let [number, unplaced] = [0, 0];
    while (times.bytes.length < rounds) {
      number += 1;
      const text = `probe ${number}.`;
      Object.assign(round, { number, id: null, found: null, count: 0 });
      sent.text = text;
      await Promise.all(pages.map((page) => page.evaluate((text) => (window.probe = { text, listed: 0, painted: 0 }), text)));
      // At the top, where less stands.
      await crowd.say([{ text, color: COLOR, mode: 'top' }]);
      await until(`${text} is told`, () => round.found);
      const said = Date.now();
      const isSeen = async () => (await probes()).every(({ listed, painted }) => listed && painted);
      let seen = false;
      while (!(seen = await isSeen()) && Date.now() - said < SEEN_MS) await sleep(5);
      const clicked = Date.now();
      round.id = round.found;
      await call(first, 'hide', { danmu: round.id, viewer: viewerOf(both, text) }, host);
      await until(`${text} is gone from ${2 * FEEDS} feeds (${round.count})`, () => round.count === 2 * FEEDS);
      const last = Math.max(...both.flatMap(({ feeds }) => feeds.map((feed) => feed.goneAt)));
      // Seen last by whoever looks 60 times a second: nothing more for a second.
      await until(`${text} is gone from the pages`, async () => {
        const now = Date.now();
        return (await probes()).every(({ listed, painted }) => now - Math.max(listed, painted) > 1_000);
      });
      // A full picture has no place for each danmu: what stands nowhere cannot be seen to go.
      if (!seen) {
        unplaced += 1;
        if (unplaced > 10 * rounds) throw new Error(`${unplaced} danmu found no place in all pictures`);
        continue;
      }
      const shown = await probes();
      times.bytes.push(last - clicked);
      times.lists.push(Math.max(...shown.map(({ listed }) => listed)) - clicked);
      times.pixels.push(Math.max(...shown.map(({ painted }) => painted)) - clicked);
      for (const server of [first, second]) {
        if ((await past(server)).includes(text)) throw new Error(`a new feed is told what was hidden: ${text}`);
      }
    }
    await talking.stop();
    crowd.leave();
    both.forEach(({ close }) => close());
    const figures = Object.fromEntries(
      Object.entries(times).map(([name, all]) => {
        const sorted = all.toSorted((one, other) => one - other);
        return [name, { median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), max: sorted.at(-1) }];
      }),
    );
    return { ...figures, unplaced };
  } finally {
    await browser.close();
    await second.stop();
    await first.stop();
  }
}

/** The author of what was said, as the feeds tell it. */
function viewerOf(both, text) {
  for (const { feeds } of both) {
    for (const feed of feeds) {
      const at = feed.text.indexOf(`"text":"${text}"`);
      const item = at < 0 ? '' : feed.text.slice(at, feed.text.indexOf('}', at));
      const viewer = /"viewer":"([^"]+)"/.exec(item)?.[1];
      if (viewer) return viewer;
    }
  }
  throw new Error(`no feed says who said ${text}`);
}
