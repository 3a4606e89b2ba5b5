// The look, inside of a worker that draws on a canvas of its own: found by what is drawn on it.
import { colorsOf } from '../corpus.mjs';
import { Look, onCanvas } from './look.mjs';

/** No danmu's own bitmap is as wide. */
const WIDTH = 1_280;

const { prototype } = OffscreenCanvasRenderingContext2D;
const { clearRect } = prototype;
let looking = null;

self.look = {
  begin(emitted) {
    prototype.clearRect = function (...box) {
      if (this.canvas.width >= WIDTH) {
        prototype.clearRect = clearRect;
        looking = new Look(onCanvas(this.canvas, colorsOf(emitted)));
      }
      return clearRect.apply(this, box);
    };
  },
  end: () => looking?.end() ?? { shown: [], overlapping: [], looks: 0 },
};
