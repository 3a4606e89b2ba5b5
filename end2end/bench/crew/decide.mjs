// 50 moderators who decide once a second each, for a minute: whether every decision is made and in the audit, and what the others'
// danmu cost meanwhile, beside the same minute without them.
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../lib/bench.mjs';
import { CHATTY, startServer } from '../../lib/server.mjs';
import { speakers } from '../../lib/speakers.mjs';
import { openFeeds } from './feeds.mjs';
import { call, moderators, streamer } from './people.mjs';
import { talk } from './talk.mjs';

const MODERATORS = 50;
const RATE = 100;
const FEEDS = 10;
/** Every danmu is told, and each moderator has an address of its own. */
const SETTINGS = { DANMU_RELAY__DENSITY: '0', DANMU_HTTP__TRUSTED_PROXIES: '127.0.0.0/8' };

/** A run of so many seconds, with the moderators' decisions or without. */
export async function decideBench(seconds, deciding) {
  const server = await startServer(SETTINGS, CHATTY);
  try {
    const latencies = [];
    let measuring = false;
    // The frame of a danmu has when it was said; speakers, server and listeners have one clock.
    const heard = (chunk) => {
      if (!measuring) return;
      const now = Date.now();
      for (const [, at] of chunk.matchAll(/"text":"said \d+ @(\d+)"/g)) latencies.push(now - Number(at));
    };
    const { feeds, close } = await openFeeds(server, FEEDS, heard);
    const crowd = await speakers(server, 41);
    const stamped = { say: (danmu) => crowd.say(danmu.map(({ text }) => ({ text: `${text} @${Date.now()}` }))) };
    const host = deciding ? await streamer(server) : null;
    const crew = deciding ? await moderators(server, host, MODERATORS) : [];
    const talking = talk(stamped, RATE);
    await sleep(2_000);
    measuring = true;
    const began = performance.now();
    const decisions = crew.map((cookies, who) => decides(server, cookies, who, seconds));
    await Promise.all([...decisions, sleep(seconds * 1_000)]);
    const took = (performance.now() - began) / 1_000;
    measuring = false;
    await talking.stop();
    crowd.leave();
    close();
    const sorted = latencies.sort((one, other) => one - other);
    const made = (await Promise.all(decisions)).flat();
    const audited = deciding ? await auditOf(server) : new Set();
    const missing = made.filter((viewer) => !audited.has(viewer)).length;
    return { p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), heard: sorted.length, feeds: feeds.length, made: made.length, missing, took };
  } finally {
    await server.stop();
  }
}

/** One decision a second; whom it was about. */
async function decides(server, cookies, who, seconds) {
  const about = [];
  const began = performance.now() + (who / MODERATORS) * 1_000;
  for (let n = 0; n < seconds; n += 1) {
    await sleep(Math.max(0, began + n * 1_000 - performance.now()));
    const viewer = `g${(who * 1_000 + n).toString(16).padStart(32, '0')}`;
    await call(server, 'ban', { viewer, seconds: 600 }, cookies, `10.0.0.${who + 1}`);
    about.push(viewer);
  }
  return about;
}

/** Whom the audit's bans are about. */
async function auditOf(server) {
  const log = await server.order('audit', '--format', 'ndjson');
  const entries = log.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return new Set(entries.filter(({ what }) => what === 'ban').map(({ viewer }) => viewer));
}
