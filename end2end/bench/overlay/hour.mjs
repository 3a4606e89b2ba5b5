// A long stream in time-lapse: as many danmu as an hour brings come within a minute and a half, all of them are drawn, and
// whatever is kept for each must go with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { OURS } from './limits.mjs';
import { visit } from './visit.mjs';

const SAMPLES = 12;

/**
 * Pours `perSecond` danmu a second for `seconds`, all `lapse` times as fast. They cross the picture `speed` times as fast as
 * usual, and overlap, or there would be no room for them.
 */
export async function hour(site, { perSecond, seconds, lapse, speed }) {
  const place = await visit(site);
  try {
    await place.call('mount', OURS, { overlap: true, speed }, 3);
    await place.call('pour', perSecond * lapse);
    const since = performance.now();
    const samples = [];
    for (let n = 1; n <= SAMPLES; n += 1) {
      await sleep(since + (n * seconds * 1_000) / lapse / SAMPLES - performance.now());
      const { count, drawn, stats } = await place.call('counts');
      const held = { ...(await place.memory()), ...(await place.workerMemory()) };
      samples.push({ minute: (n * seconds) / 60 / SAMPLES, emitted: count, drawn, held, stats });
    }
    return { perSecond, seconds, lapse, speed, samples };
  } finally {
    await place.close();
  }
}
