// Danmu found in a picture by their colour.

/** A danmu in front may hide all but so few; antialiasing makes a few of any colour. */
const FEWEST_PIXELS = 6;
/** Boxes of elements that touch may share a fraction of a pixel. */
const TOUCH = 1;

let copy = null;

/** The pixels of `canvas` from `left` to its right edge. */
export function strip(canvas, left) {
  const width = canvas.width - left;
  copy ??= new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.clearRect(left, 0, width, canvas.height);
  copy.drawImage(canvas, left, 0, width, canvas.height, left, 0, width, canvas.height);
  return { data: copy.getImageData(left, 0, width, canvas.height).data, width, height: canvas.height, left };
}

/**
 * The boxes around the pixels of each colour of `wanted` (a map by colour): `{left, right, top, bottom}`, the right and
 * the bottom being outside. A pixel counts where its right neighbour has the same colour: mixtures at edges are alone.
 */
export function boxes({ data, width, height, left }, wanted) {
  const pixels = new Uint32Array(data.buffer);
  const found = new Map();
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      const pixel = pixels[at];
      if (pixel === 0 || pixel !== pixels[at + 1] || pixel >>> 24 !== 255 || x === width - 1) continue;
      const color = ((pixel & 0xff) << 16) | (pixel & 0xff00) | ((pixel >>> 16) & 0xff);
      let box = found.get(color);
      if (!box) {
        if (!wanted.has(color)) continue;
        found.set(color, (box = { left: Infinity, right: 0, top: y, bottom: 0, pixels: 0 }));
      }
      box.left = Math.min(box.left, left + x);
      box.right = Math.max(box.right, left + x + 2);
      box.bottom = y + 1;
      box.pixels += 1;
    }
  }
  for (const [color, box] of found) if (box.pixels < FEWEST_PIXELS) found.delete(color);
  return found;
}

/** Whether two boxes have more than an edge in common. */
export const meets = (one, other) =>
  Math.min(one.right, other.right) - Math.max(one.left, other.left) > TOUCH &&
  Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > TOUCH;
