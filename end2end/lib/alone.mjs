// A page with only the overlay: a canvas, the release's module, and fonts that are the same on every machine.
import { facesFor, loadFaces } from './fonts.mjs';

/** The first font family that the overlay asks for; all fonts are registered under it. */
const FAMILY = 'PingFang SC';

const HTML =
  '<!doctype html><style>body{margin:0;background:#345}canvas{width:100vw;height:100vh;display:block}</style><canvas></canvas>';

/**
 * Opens a page with only an overlay, as `window.overlay`, in a document of this direction, with the fonts for `texts`.
 * Returns the worker that draws.
 */
export async function alone(page, texts, direction = 'ltr') {
  const text = async (path) => (await page.request.get(path)).text();
  const [pageGlue] = (await text('/')).match(/\/pkg\/[^"']+\.js/);
  // The address at which a page finds the overlay's module.
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
  // The worker measures and paints the texts, and does not share the page's fonts.
  await worker.evaluate(loadFaces, { faces: facesFor(texts.join('')), family: FAMILY });
  return worker;
}
