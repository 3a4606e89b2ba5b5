// Emulates a move of the window to a screen with another device pixel ratio: the page keeps its size in CSS pixels, and
// the screen's own pixels change.
import { fileURLToPath } from 'node:url';

const PIXELS = fileURLToPath(new URL('../bench/overlay/page/pixels.mjs', import.meta.url));

export async function screenOf(page) {
  const session = await page.context().newCDPSession(page);
  const { width, height } = page.viewportSize();
  let dark = false;
  await page.route('**/pixels.js', (route) => route.fulfill({ contentType: 'text/javascript', path: PIXELS }));
  /** A screenshot in the screen's own pixels: a PNG. */
  const picture = async () => {
    const { data } = await session.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data, 'base64');
  };
  return {
    picture,
    /** Sets the device pixel ratio. */
    async becomes(deviceScaleFactor) {
      await session.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor, mobile: false });
      // An emulated screen reports its new ratio only with another media change; a real one reports it by itself.
      dark = !dark;
      await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
    },
    /** The boxes around the pixels of each of `colors`, by colour, in the screen's own pixels. */
    async boxes(colors) {
      const png = (await picture()).toString('base64');
      const found = await page.evaluate(
        async ([png, colors]) => {
          const { boxes } = await import('/pixels.js');
          const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt(0));
          const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
          const { width, height } = bitmap;
          const context = new OffscreenCanvas(width, height).getContext('2d');
          context.drawImage(bitmap, 0, 0);
          const { data } = context.getImageData(0, 0, width, height);
          return [...boxes({ data, width, height, left: 0 }, new Set(colors))];
        },
        [png, colors],
      );
      return new Map(found);
    },
  };
}
