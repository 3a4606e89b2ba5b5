// A fake clock for the overlay: a test says how far danmu move, regardless of the machine's speed.
import { expect } from '@playwright/test';

/**
 * Stops the clock of an overlay, in its worker or in a page that draws itself. Frames go on at the same time.
 * @param {import('@playwright/test').Worker | import('@playwright/test').Page} drawing
 */
export async function stopClock(drawing) {
  await drawing.evaluate(() => {
    // Too far from the frames' timestamps to be the same clock, so the overlay uses this one.
    let now = performance.now() + 3_600_000;
    performance.now = () => now;
    self.pass = (ms) => (now += ms);
  });
  return {
    /** Advances the clock by `ms`, and waits until a frame of that time is drawn. */
    pass: (ms) =>
      drawing.evaluate(async (ms) => {
        self.pass(ms);
        for (let frames = 0; frames < 2; frames += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
      }, ms),
  };
}

/** Advances the clock in small steps until the page counts `least` danmu on stage: the count is updated four times a second. */
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
