// The clock of what draws danmu, in a test's hand: danmu fly as far as the test says, however long the machine takes for it.
import { expect } from '@playwright/test';

/**
 * Stops the clock of an overlay: of a worker, or of a page that draws by itself. Frames go on, all at one time.
 * @param {import('@playwright/test').Worker | import('@playwright/test').Page} drawing
 */
export async function stopClock(drawing) {
  await drawing.evaluate(() => {
    // Further from the stamps of frames than any clock that they could be of: the overlay goes by this one.
    let now = performance.now() + 3_600_000;
    performance.now = () => now;
    self.pass = (ms) => (now += ms);
  });
  return {
    /** Lets so many milliseconds pass, and waits until a frame of then is drawn. */
    pass: (ms) =>
      drawing.evaluate(async (ms) => {
        self.pass(ms);
        for (let frames = 0; frames < 2; frames += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
      }, ms),
  };
}

/** Lets time pass by small steps until the page knows of `least` danmu in its picture: it is told so four times a second. */
export async function untilOnStage(page, clock, least) {
  const onStage = () => page.evaluate(() => document.querySelector('canvas').dataset.onStage ?? 0);
  await expect
    .poll(async () => {
      await clock.pass(100);
      return Number(await onStage());
    })
    .toBeGreaterThanOrEqual(least);
}

/** Stops the clock of a page's worker, once it has one. */
export const stopWorker = async (page) => stopClock(page.workers()[0] ?? (await page.waitForEvent('worker')));
