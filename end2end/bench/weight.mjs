// How many bytes go over the wire until a viewer can send: everything that a fresh browser fetches for the watch page,
// workers included, as its DevTools protocol counts it (headers too), until the composer is ready, its credentials are
// there, and the feed is live. The video and its poster are counted apart: they are what one came to see.
import { chromium } from '@playwright/test';
import { browserOptions } from '../lib/browser.mjs';
import { conclude, table } from '../lib/bench.mjs';
import { composer, input } from '../lib/room.mjs';
import { startServer } from '../lib/server.mjs';

const LIMIT = 200_000;

const server = await startServer();
const browser = await chromium.launch(browserOptions);
try {
  const page = await (await browser.newContext({ baseURL: server.origin })).newPage();
  const requests = new Map();
  await watch(await page.context().newCDPSession(page), requests);
  await page.goto('/room/demo');
  await ready(page);
  await report(requests);
} finally {
  await browser.close();
  await server.stop();
}

/** Follows every request of a target, and of the workers that it starts. */
async function watch(session, requests, scope = 'page') {
  const key = (id) => `${scope}:${id}`;
  session.on('Network.requestWillBeSent', ({ requestId, request, type }) =>
    requests.set(key(requestId), { url: request.url, method: request.method, type, bytes: 0, target: request.headers['x-amz-target'] ?? request.headers['X-Amz-Target'] }),
  );
  session.on('Network.responseReceived', ({ requestId, response }) => {
    const entry = requests.get(key(requestId));
    // Until the end is known, what has come is the headers; a video never ends.
    if (entry) Object.assign(entry, { status: response.status, bytes: response.encodedDataLength, encoding: response.headers['content-encoding'] ?? response.headers['Content-Encoding'] ?? '' });
  });
  session.on('Network.dataReceived', ({ requestId, encodedDataLength }) => {
    const entry = requests.get(key(requestId));
    if (entry) entry.bytes += encodedDataLength;
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const entry = requests.get(key(requestId));
    if (entry) Object.assign(entry, { bytes: encodedDataLength, finished: true });
  });
  await session.send('Network.enable');
}

/** One can send when the form says so, the feed is live, and the session that focus asks for has arrived. */
async function ready(page) {
  await composer(page).and(page.locator('[data-ready=true]')).waitFor();
  await page.locator('[data-feed][data-state=live]').waitFor({ timeout: 15_000 });
  await input(page).focus();
  await page.waitForLoadState('load');
  await page.waitForTimeout(1_500);
}

async function report(requests) {
  const entries = [...requests.values()].map((entry) => ({ ...entry, media: isMedia(entry) }));
  const sum = (of) => of.reduce((total, { bytes }) => total + bytes, 0);
  const page = entries.filter(({ media }) => !media).sort((a, b) => b.bytes - a.bytes);
  const media = entries.filter(({ media }) => media);
  const row = ({ method, url, encoding, bytes, target }) => [
    method,
    shorten(url) + (target ? ` ${target.split('.').pop()}` : ''),
    encoding ?? '',
    bytes,
  ];
  const total = sum(page);
  table(
    ['', 'what', 'encoding', 'bytes'],
    [...page.map(row), ['', 'until one can send', '', total], ['', 'limit', '', LIMIT], ...media.map(row)],
  );
  await conclude({ bench: 'weight', limit: LIMIT, total, media: sum(media), requests: entries }, total <= LIMIT);
}

const isMedia = ({ type, url }) => type === 'Media' || /\.(mp4|webm|webp)(\?|$)/.test(url);

const shorten = (url) => {
  const { pathname, search } = new URL(url);
  const whole = pathname + search;
  return whole.length > 64 ? `${whole.slice(0, 61)}…` : whole;
};
