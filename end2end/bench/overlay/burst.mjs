// Many danmu in one task: what each takes on the main thread, and the longest frame of the page until all is quiet.
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { visit } from './visit.mjs';

const WATCH_MS = 4_000;
/** One before it, so that code is compiled and fonts are there, as on a page in use. */
const WARM_UP = 500;

/** Emits `count` danmu at once. */
export async function burst(site, engine, count) {
  const place = await visit(site);
  try {
    await place.call('mount', engine, { overlap: true }, 2);
    await place.call('burst', WARM_UP, 500);
    await sleep(500);
    const { emitMs, longestMs, live } = await place.call('burst', count, WATCH_MS);
    return {
      engine,
      count,
      emitUs: (emitMs * 1_000) / count,
      emitMs,
      longestMs,
      shown: live,
      loadAverage: os.loadavg()[0],
    };
  } finally {
    await place.close();
  }
}
