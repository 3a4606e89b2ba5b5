// So many danmu on the stage at once: frames painted, CPU, main thread, memory, and the proof that they were drawn.
import { setTimeout as sleep } from 'node:timers/promises';
import os from 'node:os';
import { CROSSING } from './limits.mjs';
import { spent } from './cpu.mjs';
import { draws, colors } from './proof.mjs';
import { traced } from './trace.mjs';
import { visit } from './visit.mjs';

/** A crossing and a little: from then on as many leave as enter. */
const FILL_MS = CROSSING * 1_000 + 500;

/** Measures `engine` with `live` danmu on the stage. They may overlap: even 200 do not fit beside each other. */
export async function load(site, engine, live, windowMs) {
  const place = await visit(site);
  try {
    await place.call('mount', engine, { overlap: true }, 1);
    await place.call('pour', live / CROSSING);
    await sleep(FILL_MS);
    const counts = await place.call('counts');
    const trace = await traced(place, async () => {
      const from = await place.cpu();
      await sleep(windowMs);
      return spent(from, await place.cpu());
    });
    const { seconds, painted, result: cpu } = trace;
    const perFrame = (ms) => ms / Math.max(1, painted);
    const main = Object.entries(trace.main).map(([name, ms]) => [name, perFrame(ms)]);
    const after = await place.call('counts');
    const drawn = await draws(place);
    return {
      engine,
      live,
      painted: painted / seconds,
      cpuMs: perFrame(cpu * 1_000),
      cpuShare: cpu / seconds,
      mainMs: main.reduce((sum, [, ms]) => sum + ms, 0),
      main: Object.fromEntries(main),
      // Of each second, whatever was painted: the page of an engine that paints elsewhere has frames of its own.
      mainShare: Object.values(trace.main).reduce((sum, ms) => sum + ms, 0) / 1_000 / seconds,
      emitUs: ((after.ms - counts.ms) * 1_000) / Math.max(1, after.count - counts.count),
      shown: after.live,
      drawn,
      colors: await colors(place, after.count),
      memory: await place.memory(),
      stats: after.stats,
      complaints: place.complaints,
      loadAverage: os.loadavg()[0],
    };
  } finally {
    await place.close();
  }
}

/** Measures a ruler: frames painted a second. */
export async function ruler(site, name) {
  const place = await visit(site);
  try {
    await place.call('mount', name, {}, 1);
    await sleep(1_000);
    const { seconds, painted } = await traced(place, () => sleep(2_000));
    return painted / seconds;
  } finally {
    await place.close();
  }
}
