// Proof that danmu are drawn, from outside the engine: the copies onto the canvas in each frame, or the elements in the
// picture; and how many a screenshot shows, each being told by its colour.

const LOOK_MS = 600;

/** How many danmu are drawn into the picture in each frame; none where it cannot be told. */
export async function draws({ page, call }) {
  const elements = await call('elements');
  if (elements !== null) return elements;
  const looks = [page, ...page.workers()].map((realm) => realm.evaluate(countDraws, LOOK_MS));
  return Math.max(...(await Promise.all(looks)));
}

/** Runs in the page and in each worker: the median number of `drawImage` in a frame that touch the picture. */
async function countDraws(ms) {
  const kinds = [globalThis.CanvasRenderingContext2D, globalThis.OffscreenCanvasRenderingContext2D].filter(Boolean);
  const originals = kinds.map(({ prototype }) => prototype.drawImage);
  let drawn = 0;
  kinds.forEach(({ prototype }, n) => {
    prototype.drawImage = function (image, ...places) {
      const [x, , width] = places.length > 4 ? places.slice(4) : places;
      if (this.canvas.width >= 1_280 && x < this.canvas.width && x + (width ?? image.width) > 0) drawn += 1;
      return originals[n].call(this, image, ...places);
    };
  });
  const frames = [];
  const since = performance.now();
  await new Promise((resolve) => {
    requestAnimationFrame(function next() {
      if (drawn > 0) frames.push(drawn);
      drawn = 0;
      if (performance.now() - since < ms) requestAnimationFrame(next);
      else resolve();
    });
  });
  kinds.forEach(({ prototype }, n) => (prototype.drawImage = originals[n]));
  return frames.sort((one, other) => one - other)[frames.length >> 1] ?? 0;
}

/** How many of the first `emitted` danmu a screenshot shows something of. Among thousands most are behind others, and a
 * shadow over a text changes its colour: it says something of a few hundred only. */
export async function colors({ page }, emitted) {
  const picture = await page.screenshot({ type: 'png' });
  return page.evaluate(
    ([picture, emitted]) => window.bench.colors(picture, emitted),
    [picture.toString('base64'), emitted],
  );
}
