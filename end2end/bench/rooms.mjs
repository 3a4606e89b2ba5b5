// What rooms of the store cost (`cargo xtask bench rooms`): how much longer a server with 1,000 of them takes to be ready, the memory
// of an idle one, and how soon a room that is made in the browser is there on another server.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { conclude, quantile, table } from '../lib/bench.mjs';
import { startServer } from '../lib/server.mjs';
import { speakers } from '../lib/speakers.mjs';
import { openFeeds } from './crew/feeds.mjs';
import { call } from './crew/people.mjs';

const LIMITS = { startMs: 1_000, roomKb: 20, madeMs: 1_000 };
const quick = process.argv.includes('--quick');
const [ROOMS, SPEAKING, MADE, STARTS] = quick ? [100, 5, 20, 3] : [1_000, 50, 100, 5];
/** Only ends what hangs. */
const PATIENCE_MS = 60_000;
/** Rooms are made once in so long: 100 a minute. */
const EVERY_MS = 600;
const SETTINGS = { DANMU_STUDIO__MAKERS: 'anyone', DANMU_HTTP__TRUSTED_PROXIES: '127.0.0.0/8' };

/** Resolves when the server answers so at `path`; the milliseconds it took. */
async function until(server, path, status) {
  const since = performance.now();
  for (;;) {
    const answer = await fetch(`${server.origin}${path}`).catch(() => null);
    await answer?.arrayBuffer();
    if (answer?.status === status) return performance.now() - since;
    if (performance.now() - since > PATIENCE_MS) throw new Error(`${path} is not ${status} within ${PATIENCE_MS} ms`);
    await sleep(5);
  }
}

/** The resident memory of a server, kB (1,000 bytes). */
async function memory(server) {
  const status = await readFile(`/proc/${server.pid()}/status`, 'utf8');
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) * 1_024) / 1_000;
}

/** Crashes and starts the server again, several times: medians of the time until it is ready and of its memory then. */
async function starts(server) {
  const [times, sizes] = [[], []];
  for (let n = 0; n < STARTS; n += 1) {
    await server.fall();
    const began = performance.now();
    await server.rise();
    await until(server, '/readyz', 200);
    times.push(performance.now() - began);
    sizes.push(await memory(server));
  }
  const median = (all) => quantile(all.toSorted((one, other) => one - other), 0.5);
  return { ms: median(times), kB: median(sizes) };
}

const server = await startServer(SETTINGS);
const second = await startServer(SETTINGS, '', '127.0.0.1', server);
try {
  await until(second, '/readyz', 200);
  const made = [];
  for (let n = 0; n < MADE; n += 1) {
    const began = performance.now();
    await call(server, 'make_room', { room: `made-${n}`, title: `Made ${n}`, video: '', poster: '' }, [], `10.0.1.${n}`);
    await until(second, `/room/made-${n}`, 200);
    made.push(performance.now() - began);
    await sleep(Math.max(0, EVERY_MS - made.at(-1)));
  }
  const few = await starts(server);
  for (let n = 0; n < ROOMS; n += 1) await server.order('rooms', 'create', `idle-${n}`);
  const many = await starts(server);
  for (let n = 0; n < SPEAKING; n += 1) {
    const room = `idle-${n}`;
    let told = '';
    const { close } = await openFeeds(server, 1, (chunk) => (told += chunk), 'history=0', room);
    const crowd = await speakers(server, 1, room);
    await crowd.say([{ text: `said in ${room}` }]);
    for (const since = Date.now(); !told.includes(`said in ${room}`); await sleep(5)) {
      if (Date.now() - since > PATIENCE_MS) throw new Error(`nothing is told in ${room}`);
    }
    crowd.leave();
    close();
  }
  const sorted = made.toSorted((one, other) => one - other);
  const figures = {
    startMs: many.ms - few.ms,
    roomKb: (many.kB - few.kB) / ROOMS,
    madeMs: sorted.at(-1),
    madeP50: quantile(sorted, 0.5),
  };
  table(
    ['rooms of the store', 'measured', 'at the most'],
    [
      [`ready with ${MADE + 1} rooms, ms`, Math.round(few.ms), ''],
      [`ready with ${ROOMS} more, ms longer`, Math.round(figures.startMs), LIMITS.startMs],
      ['memory of an idle room, kB', Number(figures.roomKb.toFixed(1)), LIMITS.roomKb],
      [`made until it is there on another server, ${MADE} of them, median ms`, Math.round(figures.madeP50), ''],
      ['  the slowest, ms', Math.round(figures.madeMs), LIMITS.madeMs],
      [`rooms that spoke`, SPEAKING, ''],
    ],
  );
  const kept = Object.entries(LIMITS).every(([name, limit]) => figures[name] <= limit);
  await conclude({ bench: 'rooms', limits: LIMITS, rooms: ROOMS, few, many, ...figures }, kept);
} finally {
  await second.stop();
  await server.stop();
}
