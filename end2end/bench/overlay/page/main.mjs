// The page's half of the measurement, as `window.bench`: mounts an engine, pours danmu into it, and looks.
import { colorsOf, danmu } from '../corpus.mjs';
import { engines } from './engines.mjs';
import { Look, elements, onCanvas } from './look.mjs';
import { boxes, strip } from './pixels.mjs';

/** How often what is due is emitted, milliseconds: as the relay tells it, once a tick (`relay.tick_ms`). */
const PACE_MS = 100;

let engine = null;
let source = null;
let pouring = null;
const each = [];
const sent = { count: 0, ms: 0 };

/** Takes the next `count` danmu. */
const take = (count) => Array.from({ length: count }, () => source.next().value);

/** Emits `list` in this task, and keeps account of what that takes. */
function emit(list) {
  const since = performance.now();
  engine.emit(list);
  sent.ms += performance.now() - since;
  sent.count += list.length;
}

const mount = (name, stage, options) => engines[name](stage, { ...options, sound: document.querySelector('audio') });

window.bench = {
  /** Puts the engine `name` on an empty stage. */
  async mount(name, options, seed) {
    engine = await mount(name, document.querySelector('#stage'), options);
    source = danmu(seed);
  },

  /** Emits `perSecond` danmu a second from now on. */
  pour(perSecond) {
    const since = performance.now();
    let due = 0;
    clearInterval(pouring);
    pouring = setInterval(() => {
      const all = Math.floor(((performance.now() - since) * perSecond) / 1_000);
      if (all > due) emit(take(all - due));
      due = all;
    }, PACE_MS);
  },

  stop: () => clearInterval(pouring),

  /** What has been emitted, what that took on the main thread, and what the engine says it shows. */
  counts: () => ({ ...sent, live: engine.live(), drawn: engine.drawn?.() ?? 0, stats: engine.stats?.() ?? {} }),

  /** Those of `engine` that are elements in the picture now. */
  elements: () => engine.rectangles?.().length ?? null,

  /** Emits `count` danmu in one task; what that took, and the longest frame of the page until `ms` later. */
  async burst(count, ms) {
    const list = take(count);
    const watching = longestFrame(ms);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = sent.ms;
    emit(list);
    return { emitMs: sent.ms - before, longestMs: await watching, live: engine.live() };
  },

  /** Mounts `name` once for each of `seeds`, all over each other, where nothing may overlap and nobody waits. */
  async mountEach(name, seeds) {
    for (const seed of seeds) {
      const stage = document.querySelector('#stage').appendChild(document.createElement('div'));
      stage.className = 'stage';
      const engine = await mount(name, stage, { overlap: false, waitMs: 0 });
      each.push({ engine, stage, source: danmu(seed) });
    }
    return each.some(({ engine }) => engine.worker);
  },

  /** Looks at each of them from now on, where they draw on this page. */
  look(count) {
    for (const one of each) {
      const { canvas, rectangles } = one.engine;
      one.look = new Look(canvas ? onCanvas(canvas, colorsOf(count)) : elements(one.stage, rectangles));
    }
  },

  /** Emits `count` danmu to each, one at a time, `perSecond` a second; answers when each was: `[key, when, width]`. */
  emitEach: (perSecond, count) =>
    Promise.all(
      each.map(async ({ engine, source }) => {
        const emitted = [];
        const since = performance.now();
        for (let n = 0; n < count; n += 1) {
          const wait = since + (n * 1_000) / perSecond - performance.now();
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
          const one = source.next().value;
          const key = engine.canvas ? one.color : one.text;
          emitted.push([key, performance.timeOrigin + performance.now(), engine.width?.(one.text) ?? 0]);
          engine.emit([one]);
        }
        return emitted;
      }),
    ),

  /** What was seen of each. */
  seen: () => each.map(({ look }) => look.end()),

  /** How many of the first `emitted` danmu have left a trace of their colour in `picture` (PNG, base64). */
  async colors(picture, emitted) {
    const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    return boxes(strip(bitmap, 0), colorsOf(emitted)).size;
  },

  destroy: () => engine.destroy(),
};

/** The longest time between two frames of the page during `ms`, milliseconds. */
function longestFrame(ms) {
  return new Promise((resolve) => {
    const since = performance.now();
    let [last, longest] = [null, 0];
    requestAnimationFrame(function next(now) {
      if (last !== null) longest = Math.max(longest, now - last);
      last = now;
      if (now - since < ms) requestAnimationFrame(next);
      else resolve(longest);
    });
  });
}
