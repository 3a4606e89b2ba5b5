// A long stream in time-lapse: as many danmu as an hour brings come within six minutes, all of them are drawn, and
// whatever is kept for each must go with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { CROSSING, OURS } from './limits.mjs';
import { visit } from './visit.mjs';

const SAMPLES = 12;
/** What the last danmu need to leave, and a little: a worker that has no time left answers no question about its memory. */
const REST_MS = 1_000 * CROSSING;

/**
 * Pours `perSecond` danmu a second for `seconds`, all `lapse` times as fast. They cross the picture `speed` times as fast as
 * usual, and overlap, or there would be no room for them. The process is measured in the thick of it, what is held apart
 * whenever the picture is empty: then it is what is kept, and for nothing.
 */
export async function hour(site, { perSecond, seconds, lapse, speed }) {
  const place = await visit(site);
  try {
    await place.call('mount', OURS, { overlap: true, speed }, 3);
    const samples = [];
    for (let n = 1; n <= SAMPLES; n += 1) {
      await place.call('pour', perSecond * lapse);
      await sleep((seconds * 1_000) / lapse / SAMPLES);
      const { heap, process } = await place.memory();
      await place.call('stop');
      await sleep(REST_MS / speed);
      const { count, drawn, stats } = await place.call('counts');
      const held = { heap, process, ...(await place.workerMemory()) };
      samples.push({ minute: (n * seconds) / 60 / SAMPLES, emitted: count, drawn, held, stats });
    }
    return { perSecond, seconds, lapse, speed, samples };
  } finally {
    await place.close();
  }
}
