// The overlay beside the engines of npm: the same page, the same danmu, in one run, each in a browser of its own. First the
// ruler is checked; then frames painted, CPU, main thread and memory with so many danmu on the stage; bursts; what a viewer
// sees at a steady rate; and an hour in time-lapse. `--quick` measures less, beside one peer. What every figure means is
// said in `overlay/`, beside the code that takes it.
import os from 'node:os';
import path from 'node:path';
import { conclude, table } from '../lib/bench.mjs';
import { burst } from './overlay/burst.mjs';
import { lines } from './overlay/chart.mjs';
import { hour } from './overlay/hour.mjs';
import { FULL, LIMITS, OURS, QUICK } from './overlay/limits.mjs';
import { load, ruler } from './overlay/load.mjs';
import { quality } from './overlay/quality.mjs';
import { bursts, hours, loads, qualities, rulers } from './overlay/tables.mjs';
import { startSite } from './overlay/site.mjs';

const plan = process.argv.includes('--quick') ? QUICK : FULL;
const site = await startSite();
const began = { at: Date.now(), loadAverage: os.loadavg() };
const result = { bench: 'overlay', limits: LIMITS, plan, rulers: {}, loads: [], bursts: [], qualities: [], hour: null };
try {
  result.broken = [
    ...(await measureRulers()),
    ...(await measureLoads()),
    ...(await measureBursts()),
    ...(await measureQualities()),
    ...(await measureHour()),
  ];
} finally {
  site.stop();
}
result.loadAverage = { before: began.loadAverage, after: os.loadavg() };
await drawCharts();
for (const broken of result.broken) console.log(`  over the limit: ${broken}`);
console.log(
  `\n  ${Math.round((Date.now() - began.at) / 1_000)} s; load average ${began.loadAverage[0].toFixed(2)} before.`,
);
await conclude(result, result.broken.length === 0);

async function measureRulers() {
  for (const name of ['stands still', 'elements, 30/s', 'canvas, 30/s', 'worker, 30/s']) {
    result.rulers[name] = await ruler(site, name);
  }
  return rulers(result.rulers);
}

async function measureLoads() {
  const few = new Set();
  for (const live of plan.lives) {
    for (const engine of plan.engines) {
      // An engine that would not show half of what it was given is not given more.
      if (few.has(engine)) continue;
      const one = await attempt(() => load(site, engine, live, plan.windowMs), { engine, live });
      result.loads.push(one);
      if (!(one.shown > live / 2)) few.add(engine);
    }
  }
  for (let time = 0; time < plan.again.times; time += 1) {
    for (const live of plan.again.lives) {
      for (const engine of plan.again.engines) {
        result.loads.push(await attempt(() => load(site, engine, live, plan.windowMs), { engine, live }));
      }
    }
  }
  return loads(result.loads, plan);
}

async function measureBursts() {
  const slow = new Set();
  for (const count of plan.bursts) {
    for (const engine of plan.engines.filter((engine) => !slow.has(engine))) {
      const one = await attempt(() => burst(site, engine, count), { engine, count });
      result.bursts.push(one);
      if (one.failed) slow.add(engine);
    }
  }
  return bursts(result.bursts, plan);
}

async function measureQualities() {
  const { ours, peers, atOnce } = plan.seeds;
  for (const rate of plan.rates) {
    for (const engine of plan.engines) {
      const options = {
        seconds: plan.seconds,
        seeds: engine === OURS ? ours : peers,
        atOnce: engine === OURS ? atOnce : 1,
      };
      result.qualities.push(await attempt(() => quality(site, engine, rate, options), { engine, rate }));
    }
  }
  return qualities(result.qualities, plan);
}

async function measureHour() {
  result.hour = await hour(site, plan.hour);
  return hours(result.hour);
}

/** An engine that fails or hangs has a line that says so, and the others go on. Ours may not. */
async function attempt(measure, about) {
  try {
    return await measure();
  } catch (error) {
    if (about.engine === OURS) throw error;
    return { ...about, failed: error.message.split('\n')[0] };
  }
}

async function drawCharts() {
  const file = process.env.E2E_RESULT;
  if (!file) return;
  const chart = (name, options) => lines(path.join(path.dirname(file), `overlay-${name}.svg`), options);
  const series = (value) =>
    plan.engines
      .map((name) => ({
        name,
        points: plan.lives.flatMap((live) => {
          const one = result.loads.find((load) => load.engine === name && load.live === live && !load.failed);
          return one && one.shown > live / 2 ? [[live, value(one)]] : [];
        }),
      }))
      .filter(({ points }) => points.length > 0);
  const x = 'danmu on the stage';
  await chart('frames', {
    title: 'Frames painted a second',
    x,
    y: 'of 60',
    xs: plan.lives,
    series: series(({ painted }) => painted),
  });
  await chart('cpu', {
    title: 'CPU per frame painted, whole browser',
    x,
    y: 'ms',
    xs: plan.lives,
    series: series(({ cpuMs }) => cpuMs),
  });
  await chart('main', {
    title: 'Main thread per frame painted',
    x,
    y: 'ms of script, style, layout',
    xs: plan.lives,
    series: series(({ mainMs }) => mainMs),
  });
  const shown = plan.engines.map((name) => ({
    name,
    points: result.qualities
      .filter(({ engine, failed }) => engine === name && !failed)
      .map(({ rate, overlapping }) => [rate, 100 * overlapping]),
  }));
  await chart('overlap', {
    title: 'Danmu that overlap another',
    x: 'danmu a second',
    y: '% of those shown',
    xs: plan.rates,
    series: shown,
  });
}
