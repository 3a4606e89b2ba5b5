// Looks at an engine from outside: when each danmu was first in the picture, and which ones overlapped. Elements are asked
// for their boxes; a canvas is looked at pixel by pixel, each danmu being told by its colour, so that what counts is what
// was drawn and not what an engine believes. Runs where the canvas is drawn, on the page or in a worker: that is where its
// frames are.
import { boxes, meets, strip } from './pixels.mjs';

/** Between two looks at the whole picture, milliseconds. Two danmu that meet do so for longer. */
const LOOK_MS = 100;
/** How much of the right edge is looked at in every frame; nobody comes farther in one, even a late one. */
const EDGE = 128;

export class Look {
  #find;
  #shown = new Map();
  #overlapping = new Set();
  #looks = 0;
  #looked = 0;
  #frame = 0;

  /** `find(whole)` answers a map of the boxes in the picture, or, unless `whole`, at its right edge at least. */
  constructor(find) {
    this.#find = find;
    const next = (now) => {
      this.#look(now);
      this.#frame = requestAnimationFrame(next);
    };
    this.#frame = requestAnimationFrame(next);
  }

  #look(now) {
    const whole = now - this.#looked >= LOOK_MS;
    const seen = [...this.#find(whole)];
    const at = performance.timeOrigin + performance.now();
    for (const [key] of seen) if (!this.#shown.has(key)) this.#shown.set(key, at);
    if (!whole) return;
    this.#looked = now;
    this.#looks += 1;
    for (const [n, [key, box]] of seen.entries()) {
      for (const [other, otherBox] of seen.slice(n + 1)) {
        if (meets(box, otherBox)) this.#overlapping.add(key).add(other);
      }
    }
  }

  /** What was seen: `[key, when]`, keys of those that overlapped another, and how often the whole picture was looked at. */
  end() {
    cancelAnimationFrame(this.#frame);
    return { shown: [...this.#shown], overlapping: [...this.#overlapping], looks: this.#looks };
  }
}

/** Finds danmu on `canvas` by their colours, of which `wanted` has all that there may be. */
export const onCanvas = (canvas, wanted) => (whole) => boxes(strip(canvas, whole ? 0 : canvas.width - EDGE), wanted);

/** Finds danmu that are elements by their texts. */
export const elements = (stage, rectangles) => () => {
  const { left, right } = stage.getBoundingClientRect();
  const inside = rectangles().filter(({ box }) => box.left < right && box.right > left);
  return new Map(inside.map(({ text, box }) => [text, box]));
};
