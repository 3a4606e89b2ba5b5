// The figures as tables, each limit beside its figure. Every function prints, and answers with what broke a limit.
import { quantile, table } from '../../lib/bench.mjs';
import { LIMITS, OURS, RIVAL } from './limits.mjs';

const fixed = (value, digits = 1) => (Number.isFinite(value) ? Number(value.toFixed(digits)) : '');
const percent = (share) => (Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '');
const inEach60th = (share) => (1_000 * share) / 60;
const megabytes = (bytes) => fixed(bytes / 1e6, 0);
const median = (values) =>
  quantile(
    values.toSorted((one, other) => one - other),
    0.5,
  );
const heading = (text) => console.log(`\n  ${text}\n`);

/** Collects what is over a limit. */
function judge() {
  const broken = [];
  return {
    broken,
    /** `kept` is a boolean that says whether the limit was kept. */
    limit: (kept, text) => kept || broken.push(text),
  };
}

export function rulers(found) {
  const { broken, limit } = judge();
  heading('The ruler: frames painted a second, of drawers whose rate is known');
  const rows = Object.entries(found).map(([name, painted]) => {
    const known = name === 'stands still' ? 0 : 30;
    limit(
      Math.abs(painted - known) <= LIMITS.rulerError,
      `the ruler finds ${fixed(painted)} frames a second where there are ${known} (${name})`,
    );
    return [name, known, fixed(painted)];
  });
  table(['drawer', 'known', 'found'], rows);
  return broken;
}

export function loads(all, { engines, lives }) {
  const { broken, limit } = judge();
  const of = (engine, live) => all.filter((one) => one.engine === engine && one.live === live && !one.failed);
  const middle = (engine, live, key) => median(of(engine, live).map((one) => one[key]));
  for (const live of lives) {
    heading(`${live.toLocaleString('en')} danmu on the stage, of 8 s each, overlap allowed`);
    const rows = engines.map((engine) => {
      const runs = of(engine, live);
      if (runs.length === 0)
        return [
          engine,
          ...Array(11).fill(''),
          all.find((one) => one.engine === engine && one.live === live)?.failed ?? 'shows too few to go on',
        ];
      const at = (key) => middle(engine, live, key);
      const { memory, loadAverage } = runs[0];
      return [
        engine,
        fixed(at('painted')),
        fixed(at('cpuMs'), 2),
        fixed(at('cpuShare'), 2),
        fixed(at('mainMs'), 2),
        fixed(inEach60th(at('mainShare')), 2),
        fixed(at('emitUs')),
        at('shown'),
        at('drawn'),
        live === lives[0] ? at('colors') : '',
        megabytes(memory.heap),
        megabytes(memory.process),
        `${runs.length} run${runs.length > 1 ? 's' : ''}, load ${loadAverage.toFixed(1)}`,
      ];
    });
    table(
      [
        'engine',
        'painted/s',
        'CPU ms/frame',
        'cores',
        'main ms/frame',
        'main ms/60th',
        'emit µs',
        'says',
        'drawn',
        'colours',
        'heap MB',
        'process MB',
        '',
      ],
      rows,
    );
    const ours = (key) => middle(OURS, live, key);
    const least = LIMITS.painted[live];
    if (least)
      limit(
        ours('painted') >= least,
        `${fixed(ours('painted'))} frames painted a second at ${live}, at least ${least} wanted`,
      );
    const share = LIMITS.cpuOfRival[live];
    if (share) {
      const found = ours('cpuMs') / middle(RIVAL, live, 'cpuMs');
      console.log(`\n  CPU per frame against ${RIVAL}: ${found.toFixed(2)}, limit ${share}.`);
      limit(found <= share, `CPU per frame at ${live} is ${found.toFixed(2)} of ${RIVAL}’s, at most ${share} wanted`);
    }
    const main = inEach60th(ours('mainShare'));
    limit(
      main <= LIMITS.mainMs,
      `${fixed(main, 2)} ms of main thread in each 60th of a second at ${live}, at most ${LIMITS.mainMs} wanted`,
    );
    for (const [what, count] of [
      ['says that it shows', ours('shown')],
      ['is seen to draw', ours('drawn')],
    ]) {
      limit(count >= LIMITS.drawnShare * live, `${OURS} ${what} ${count} of ${live}`);
    }
  }
  console.log(
    `\n  Limits for ${OURS}: main thread ${LIMITS.mainMs} ms in each 60th of a second; painted at least ${JSON.stringify(LIMITS.painted)}.`,
  );
  return broken;
}

export function bursts(all, { engines, bursts: counts }) {
  const { broken, limit } = judge();
  heading('Bursts in one task: what one danmu takes on the main thread, and the page’s longest frame');
  const rows = counts.flatMap((count) =>
    engines.map((engine) => {
      const one = all.find((run) => run.engine === engine && run.count === count);
      if (!one || one.failed) return [count, engine, '', '', '', one?.failed ?? 'hung before'];
      return [count, engine, fixed(one.emitUs, 2), fixed(one.longestMs), one.shown, ''];
    }),
  );
  table(['danmu', 'engine', 'emit µs', 'longest frame ms', 'shown after 4 s', ''], rows);
  console.log(`\n  Limits for ${OURS}: ${LIMITS.emitUs} µs, ${LIMITS.burstFrameMs} ms.`);
  for (const { engine, count, emitUs, longestMs } of all) {
    if (engine !== OURS) continue;
    limit(
      emitUs <= LIMITS.emitUs,
      `${fixed(emitUs, 2)} µs a danmu in a burst of ${count}, at most ${LIMITS.emitUs} wanted`,
    );
    limit(
      longestMs <= LIMITS.burstFrameMs,
      `a frame of ${fixed(longestMs)} ms in a burst of ${count}, at most ${LIMITS.burstFrameMs} wanted`,
    );
  }
  return broken;
}

export function qualities(all, { rates, engines }) {
  const { broken, limit } = judge();
  heading(
    'Without overlap: danmu never shown, danmu that overlap another, from emit to screen (ours: no wait allowed)',
  );
  const rows = rates.flatMap((rate) =>
    engines.map((engine) => {
      const one = all.find((run) => run.engine === engine && run.rate === rate);
      if (one.failed) return [`${rate}/s`, engine, '', '', '', '', '', '', '', one.failed];
      const bounds = engine === OURS ? [percent(one.firstFit), percent(one.bound)] : ['', ''];
      return [
        `${rate}/s`,
        engine,
        percent(one.neverShown),
        percent(one.overlapping),
        fixed(one.median, 0),
        fixed(one.p95, 0),
        percent(one.shown),
        ...bounds,
        `${one.seeds} seed${one.seeds > 1 ? 's' : ''}, ${one.looks} looks`,
      ];
    }),
  );
  table(['rate', 'engine', 'never', 'overlap', 'median ms', 'p95 ms', 'shown', 'first fit', 'at most', ''], rows);
  console.log(
    `\n  Limits for ${OURS}: overlap ${LIMITS.overlapping}, p95 ${LIMITS.delayMs} ms, shown at least what first fit shows.`,
  );
  for (const { rate, overlaps, p95, shown, firstFit } of all.filter(({ engine }) => engine === OURS)) {
    limit(overlaps <= LIMITS.overlapping, `${overlaps} danmu overlap at ${rate}/s`);
    limit(p95 <= LIMITS.delayMs, `${fixed(p95)} ms from emit to screen at ${rate}/s, at most ${LIMITS.delayMs} wanted`);
    limit(
      shown >= LIMITS.ofFirstFit * firstFit,
      `${percent(shown)} shown at ${rate}/s, first fit shows ${percent(firstFit)}`,
    );
  }
  return broken;
}

/** What is held at the end of an hour, in the order of the table: the heading, and the part of it that is ours to keep. */
const HELD = { heap: 'heap', worker: 'worker', wasm: 'WASM', bitmaps: 'bitmaps', process: 'process' };

export function hours({ perSecond, seconds, lapse, samples }) {
  const { broken, limit } = judge();
  heading(`${fixed(seconds / 60, 0)} minutes at ${perSecond} danmu a second, ${lapse} times as fast: MB held`);
  const names = Object.keys(samples.at(-1).stats);
  const rows = samples.map(({ minute, emitted, drawn, held, stats }) => [
    fixed(minute, 0),
    emitted,
    drawn,
    ...Object.keys(HELD).map((key) => fixed(held[key] / 1e6)),
    held.count,
    ...names.map((name) => Number(stats[name] ?? 0)),
  ]);
  table(['minute', 'emitted', 'drawn', ...Object.values(HELD), 'of them', ...names], rows);
  console.log(
    '\n  heap: what all scripts hold; worker: scripts and the browser’s own objects in the worker; process: private memory.',
  );
  const { drawn, emitted } = samples.at(-1);
  limit(drawn >= LIMITS.drawnShare * emitted, `only ${percent(drawn / emitted)} of the hour’s danmu were drawn`);
  const quarter = samples.length / 4;
  const mean = (some, key) => some.reduce((sum, { held }) => sum + held[key], 0) / some.length;
  console.log(
    `  Limit: in the last quarter at most ${LIMITS.growth} times what there was in the second, and ${LIMITS.grain / 1e6} MB.`,
  );
  for (const [key, what] of Object.entries(HELD)) {
    const [early, late] = [samples.slice(quarter, 2 * quarter), samples.slice(3 * quarter)].map((some) => mean(some, key));
    limit(
      late <= LIMITS.growth * early + LIMITS.grain,
      `${what} grew from ${fixed(early / 1e6)} to ${fixed(late / 1e6)} MB`,
    );
  }
  return broken;
}
