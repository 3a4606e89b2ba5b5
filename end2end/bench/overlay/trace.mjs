// What a Chromium trace tells: the frames that reached the screen, and what the page's main thread did meanwhile.

/** Chromium's clock for traces, microseconds: `CLOCK_MONOTONIC`, which is Node's too. */
const now = () => Number(process.hrtime.bigint() / 1_000n);

/** The display compositor tells of each frame that it showed, whoever drew it: elements, a canvas, or a worker's canvas. */
const PAINTED = { name: 'Display::FrameDisplayed', category: 'disabled-by-default-display.framedisplayed' };

/** Everything that a thread does is in one of these. */
const TASKS = { name: 'RunTask', category: 'disabled-by-default-devtools.timeline' };

/** Script, style and layout, as the browser's own tools group them. */
const MAIN = new Set([
  'EvaluateScript',
  'FunctionCall',
  'FireAnimationFrame',
  'TimerFire',
  'EventDispatch',
  'HandlePostMessage',
  'RunMicrotasks',
  'MinorGC',
  'MajorGC',
  'UpdateLayoutTree',
  'Layout',
]);

/**
 * Records while `act` runs.
 * @returns the seconds it took, the frames painted and the main thread's milliseconds meanwhile: by kind, and in all; and what
 * `act` returned
 */
export async function traced({ session }, act) {
  const events = [];
  const collect = ({ value }) => events.push(...value);
  session.on('Tracing.dataCollected', collect);
  const includedCategories = [PAINTED.category, TASKS.category, 'devtools.timeline'];
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      recordMode: 'recordUntilFull',
      traceBufferSizeInKb: 400_000,
      includedCategories,
      excludedCategories: ['*'],
    },
  });
  const since = now();
  const result = await act();
  const until = now();
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  const { dataLossOccurred } = await complete;
  session.off('Tracing.dataCollected', collect);
  if (dataLossOccurred) throw new Error('the trace lost events; measure for a shorter time');
  const within = events.filter(({ ts }) => ts >= since && ts < until);
  const painted = within.filter(({ name }) => name === PAINTED.name).length;
  const threads = mainThreads(events);
  const tasks = within.filter(({ ph, name, pid, tid }) => ph === 'X' && name === TASKS.name && threads.has(`${pid} ${tid}`));
  const busyMs = tasks.reduce((sum, { dur, tdur = dur }) => sum + tdur / 1_000, 0);
  return { seconds: (until - since) / 1e6, painted, main: mainThread(within, threads), busyMs, result };
}

const mainThreads = (events) => {
  const named = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  return new Set(named.map(({ pid, tid }) => `${pid} ${tid}`));
};

/**
 * Milliseconds of the pages' main threads in script, style and layout, by what they began with: the threads' own time,
 * without what others took from them on a busy machine. What runs inside another counts once.
 */
function mainThread(events, threads) {
  const spans = events
    .filter(({ ph, name, pid, tid }) => ph === 'X' && MAIN.has(name) && threads.has(`${pid} ${tid}`))
    .sort((one, other) => one.ts - other.ts);
  const ends = new Map();
  const sums = {};
  for (const { name, ts, dur = 0, tdur = dur, tid } of spans) {
    if (ts < (ends.get(tid) ?? 0)) continue;
    sums[name] = (sums[name] ?? 0) + tdur / 1_000;
    ends.set(tid, ts + dur);
  }
  return sums;
}
