// What is measured, for how long, and what must hold. Limits are printed beside the figures that they are for.

/** Our own engine, and the one that it is compared with. */
export const OURS = 'ours';
export const RIVAL = 'danmaku canvas';

/** Seconds that a danmu takes to cross the picture, in every engine. */
export const CROSSING = 8;

export const LIMITS = {
  // Danmu on the stage → least frames painted a second.
  painted: { 200: 58, 1_000: 58, 3_000: 40 },
  // … → most CPU per frame painted, all processes of the browser together, against that of `RIVAL`.
  cpuOfRival: { 1_000: 0.5, 3_000: 0.45 },
  // Script, style and layout on the main thread, milliseconds in each 60th of a second, at any number.
  mainMs: 0.3,
  // What the engine says it shows, and what is seen being drawn, must agree within so much.
  drawnShare: 0.95,
  // A burst in one task: microseconds on the main thread for each, and the page's longest frame, milliseconds.
  emitUs: 3,
  burstFrameMs: 50,
  // Without overlap and without waiting: danmu that overlap another, and the 95th percentile from emit to screen.
  overlapping: 0,
  delayMs: 120,
  // Shown, against what first fit by the exact rule shows of the same danmu.
  ofFirstFit: 1,
  // A ruler that paints 30 a second must be found to do so within so many, and one that stands still within so many of 0.
  rulerError: 1,
  // Memory in the last quarter of the hour against that in its second, whatever is held; and bytes below which nothing is
  // said to grow: of the danmu between them, so much is four bytes each.
  growth: 1.1,
  grain: 1e6,
};

export const FULL = {
  engines: [OURS, 'danmaku DOM', RIVAL, 'danmu.js', 'artplayer'],
  lives: [200, 1_000, 3_000, 10_000],
  /** Measured again, one beside the other, since the limits compare them; the median counts. */
  again: { engines: [OURS, RIVAL], lives: [1_000, 3_000], times: 1 },
  windowMs: 3_000,
  bursts: [500, 2_000, 5_000],
  rates: [5, 12, 16, 30],
  seconds: 8,
  seeds: { ours: 20, peers: 1, atOnce: 4 },
  /**
   * Four times as fast is the fastest that a viewer can choose. 1,000 texts a second, none of them seen before, is what two
   * cores still paint every one of; of 2,000 it was 86 %, of 4,000 half.
   */
  hour: { perSecond: 100, seconds: 3_600, lapse: 10, speed: 4 },
};

export const QUICK = {
  ...FULL,
  engines: [OURS, RIVAL],
  lives: [1_000, 3_000],
  again: { engines: [], lives: [], times: 0 },
  windowMs: 3_000,
  bursts: [5_000],
  rates: [12, 30],
  seconds: 8,
  seeds: { ours: 4, peers: 1, atOnce: 4 },
  hour: { ...FULL.hour, seconds: 900 },
};
