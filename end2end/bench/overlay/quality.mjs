// What a viewer sees at a steady rate without overlap allowed: danmu never shown, danmu that overlap another, and the time
// from emit to screen. Found by looking at the picture ten times a second, and at its right edge in every frame.
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../lib/bench.mjs';
import { firstFit, upperBound } from './bound.mjs';
import { OURS } from './limits.mjs';
import { visit } from './visit.mjs';

/** Seconds after the last emit: whoever waits longer is not waited for. Ours may not wait. */
const LEAVE = { ours: 1, peers: 3 };

/** Measures `engine` at `rate` danmu a second with each of `seeds`, so many of them side by side on the page. */
export async function quality(site, engine, rate, { seeds, atOnce, seconds }) {
  const runs = [];
  for (let at = 0; at < seeds; at += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, seeds - at) }, (_, n) => 100 + at + n);
    const place = await visit(site);
    try {
      runs.push(...(await watch(place, engine, rate, rate * seconds, some)));
    } finally {
      await place.close();
    }
  }
  const sum = (of) => runs.reduce((total, run) => total + of(run), 0);
  const emitted = sum((run) => run.emitted.length);
  const shown = sum((run) => run.delays.length);
  const delays = runs.flatMap((run) => run.delays).sort((one, other) => one - other);
  return {
    engine,
    rate,
    seeds,
    emitted,
    neverShown: 1 - shown / emitted,
    overlapping: sum((run) => run.overlapping) / Math.max(1, shown),
    overlaps: sum((run) => run.overlapping),
    looks: sum((run) => run.looks),
    median: quantile(delays, 0.5),
    p95: quantile(delays, 0.95),
    shown: shown / emitted,
    firstFit: sum((run) => firstFit(run.emitted)) / emitted,
    bound: sum((run) => upperBound(run.emitted)) / emitted,
    loadAverage: os.loadavg()[0],
  };
}

/** Pours `count` danmu into each of the overlays, and looks at all of them. */
async function watch(place, engine, rate, count, seeds) {
  const byWorker = await place.call('mountEach', engine, seeds);
  const workers = byWorker ? await place.workers(seeds.length) : [];
  for (const worker of workers) {
    await worker.evaluate(
      ([url, count]) => import(url).then(() => self.look.begin(count)),
      [`${place.origin}/bench/lookWorker.js`, count],
    );
  }
  if (!byWorker) await place.call('look', count);
  const emitted = await place.call('emitEach', rate, count);
  await sleep(1_000 * (engine === OURS ? LEAVE.ours : LEAVE.peers));
  const seen = byWorker
    ? await Promise.all(workers.map((worker) => worker.evaluate(() => self.look.end())))
    : await place.call('seen');
  return emitted.map((emitted, n) => {
    const when = new Map(emitted.map(([key, at]) => [key, at]));
    const shown = seen[n].shown.filter(([key]) => when.has(key));
    return {
      emitted: emitted.map(([, at, width]) => ({ at, width })),
      delays: shown.map(([key, at]) => at - when.get(key)),
      overlapping: seen[n].overlapping.filter((key) => when.has(key)).length,
      looks: seen[n].looks,
    };
  });
}
