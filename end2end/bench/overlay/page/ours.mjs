// Danmu's own engine: the module that a release page loads, with nothing of the page around it.

let module = null;

/** Loads the module once, as a page does. */
async function load() {
  const { glue, wasm } = window.site;
  module ??= import(glue).then(async (exports) => {
    await exports.default({ module_or_path: wasm });
    return exports;
  });
  return module;
}

const FONT = 'bold 25px "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
/** On either side of the text, for its outline and shadow. */
const PADDING = 8;

let measuring = null;

/** The width of a danmu as the overlay measures it, pixels. */
function width(text) {
  measuring ??= Object.assign(new OffscreenCanvas(1, 1).getContext('2d'), { font: FONT });
  return Math.ceil(measuring.measureText(text).width + 2 * PADDING);
}

export async function ours(stage, { overlap, waitMs, speed }) {
  const { Overlay } = await load();
  const canvas = document.createElement('canvas');
  canvas.style.cssText = 'position:absolute;inset:0;width:100%;height:100%';
  stage.append(canvas);
  const overlay = new Overlay(canvas);
  overlay.configure({ area: 1, overlap, waitMs, speed });
  let drawn = 0;
  canvas.addEventListener('danmu:shown', () => (drawn += 1));
  return {
    emit: (list) => overlay.showAll(list),
    live: () => Number(canvas.dataset.onStage ?? 0),
    stats: () => ({ ...canvas.dataset }),
    drawn: () => drawn,
    canvas,
    worker: true,
    width,
    destroy: () => overlay.free(),
  };
}
