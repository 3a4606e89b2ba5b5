// How many bytes go over the wire until a viewer can send: everything that a fresh browser fetches for the watch page,
// workers included, as its DevTools protocol counts it (headers too), until the composer is ready, its credentials are
// there, and the feed is live. Counted apart are the video and its poster, which are what one came to see, and the module that
// draws danmu, for which sending does not wait (`tests/watch.spec.mjs` has a page send before it is there). What signs where the
// browser cannot, and what reads the stream itself, must not be loaded here at all.
import { EventEmitter } from 'node:events';
import { chromium } from '@playwright/test';
import { browserOptions } from '../lib/browser.mjs';
import { conclude, table } from '../lib/bench.mjs';
import { composer, input } from '../lib/room.mjs';
import { startServer } from '../lib/server.mjs';

const LIMIT = 200_000;

/** A header of a request or a response, whatever its case; empty where there is none. */
const header = ({ headers }, name) =>
  Object.entries(headers).find(([other]) => other.toLowerCase() === name)?.[1] ?? '';

/** What one came to see. */
const isMedia = ({ type, url }) => type === 'Media' || /\.(mp4|webm|webp)$/.test(new URL(url).pathname);

/** What draws danmu. */
const isDrawing = ({ url }) => /\/danmu-overlay\.\w+\.(js|wasm)$/.test(new URL(url).pathname);

/** What this page has no use for. */
const isIdle = ({ url }) => /\/danmu-(signer|reader)\./.test(new URL(url).pathname);

/** An address as a table has room for it. */
const shorten = (url) => {
  const { pathname, search } = new URL(url);
  const whole = pathname + search;
  return whole.length > 64 ? `${whole.slice(0, 61)}…` : whole;
};

const server = await startServer();
const browser = await chromium.launch(browserOptions);
try {
  const page = await (await browser.newContext({ baseURL: server.origin })).newPage();
  const requests = new Map();
  await watch(await page.context().newCDPSession(page), requests);
  await page.goto('/room/demo', { waitUntil: 'load' });
  await untilOneCanSend(page, requests);
  await report([...requests.values()]);
} finally {
  await browser.close();
  await server.stop();
}

/** Notes what `page` and the workers that it starts have fetched, in `requests`. */
async function watch(session, requests) {
  follow(session, requests);
  await session.send('Network.enable');
  session.on('Target.attachedToTarget', async ({ sessionId }) => {
    let id = 0;
    const tell = (method) => {
      const message = JSON.stringify({ id: (id += 1), method });
      return session.send('Target.sendMessageToTarget', { sessionId, message });
    };
    await tell('Network.enable');
    await tell('Runtime.runIfWaitingForDebugger');
  });
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { method, params } = JSON.parse(message);
    if (method) workers.emit(method, params);
  });
  const workers = new EventEmitter();
  follow(workers, requests);
  // Workers wait at their first line until they are followed, so that nothing of theirs is missed.
  const attach = { autoAttach: true, waitForDebuggerOnStart: true, flatten: false };
  await session.send('Target.setAutoAttach', attach);
}

/** Keeps account of each request, from the events of the DevTools protocol's Network domain. */
function follow(events, requests) {
  events.on('Network.requestWillBeSent', ({ requestId, request, type }) =>
    requests.set(requestId, {
      url: request.url,
      method: request.method,
      operation: header(request, 'x-amz-target').split('.').pop(),
      type,
      bytes: 0,
    }),
  );
  const on = (event, note) =>
    events.on(event, (params) => {
      const request = requests.get(params.requestId);
      if (request) note(request, params);
    });
  on('Network.responseReceived', (request, { response }) => {
    // Headers; the body is added as it comes, for what has no end yet.
    const { status, encodedDataLength: bytes } = response;
    Object.assign(request, { status, bytes, encoding: header(response, 'content-encoding') });
  });
  on('Network.dataReceived', (request, { encodedDataLength }) => (request.bytes += encodedDataLength));
  on('Network.loadingFinished', (request, { encodedDataLength }) =>
    Object.assign(request, { bytes: encodedDataLength, finished: true }),
  );
}

/** One can send when the form says so, the feed is live, and the credentials that focus asks for are there. */
async function untilOneCanSend(page, requests) {
  await composer(page).and(page.locator('[data-ready=true]')).waitFor();
  await page.locator('[data-feed][data-state=live]').waitFor();
  const vended = page.waitForResponse((response) => {
    const { pathname } = new URL(response.url());
    return response.request().method() === 'POST' && !pathname.startsWith('/aws/');
  });
  await input(page).focus();
  const url = (await vended).url();
  // The protocol tells a request's full size a moment after its end.
  while ([...requests.values()].some((request) => request.url === url && !request.finished)) {
    await page.waitForTimeout(5);
  }
}

async function report(requests) {
  const sum = (some) => some.reduce((total, { bytes }) => total + bytes, 0);
  const media = requests.filter(isMedia);
  const drawing = requests.filter(isDrawing);
  const page = requests.filter((request) => !isMedia(request) && !isDrawing(request)).sort((a, b) => b.bytes - a.bytes);
  const total = sum(page);
  const row = ({ method, url, operation, encoding, bytes }) => [
    method,
    `${shorten(url)} ${operation}`.trim(),
    encoding ?? '',
    bytes,
  ];
  table(
    ['', 'what', 'encoding', 'bytes'],
    [
      ...page.map(row),
      ['', 'until one can send', '', total],
      ['', 'limit', '', LIMIT],
      ...drawing.map(row),
      ['', 'with what draws', '', total + sum(drawing)],
      ...media.map(row),
    ],
  );
  const idle = requests.filter(isIdle);
  if (idle.length) console.log(`  Loaded for nothing: ${idle.map(({ url }) => url).join(', ')}`);
  const kept = total <= LIMIT && idle.length === 0;
  await conclude({ bench: 'weight', limit: LIMIT, total, drawing: sum(drawing), media: sum(media), requests }, kept);
}
