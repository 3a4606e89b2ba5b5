// The overlay alone, as any page may use it: a canvas, the release's module, fonts that are the same on every machine.
import { facesFor, loadFaces } from './fonts.mjs';

/** The family that the overlay asks for first; all of these fonts answer to it. */
const FAMILY = 'PingFang SC';

const HTML =
  '<!doctype html><style>body{margin:0;background:#345}canvas{width:100vw;height:100vh;display:block}</style><canvas></canvas>';

/**
 * Opens a page with nothing but an overlay, as `window.overlay`, in a document of that direction; it can write `texts`.
 * Gives the worker that draws.
 */
export async function alone(page, texts, direction = 'ltr') {
  const text = async (path) => (await page.request.get(path)).text();
  const [pageGlue] = (await text('/')).match(/\/pkg\/[^"']+\.js/);
  // Where a page finds what draws.
  const glue = `/pkg/${(await text(pageGlue)).match(/danmu-overlay\.\w+\.js/)[0]}`;
  const body = HTML.replace('<style>', `<html dir="${direction}"><style>`);
  await page.route('**/alone', (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.goto('/alone');
  const started = page.waitForEvent('worker');
  await page.evaluate(async (glue) => {
    const module = await import(glue);
    await module.default();
    window.overlay = new module.Overlay(document.querySelector('canvas'));
  }, glue);
  const worker = await started;
  // The worker measures and paints; the page's fonts are not its own.
  await worker.evaluate(loadFaces, { faces: facesFor(texts.join('')), family: FAMILY });
  return worker;
}
