// A tab that a viewer may turn away from: in a browser of its own, where Playwright is not the one that holds it. Playwright
// keeps every page of its own visible for ever.
import { chromium } from '@playwright/test';
import { browserOptions } from './browser.mjs';
import { through } from './devtools.mjs';

/** Opens `address` in a tab of a new browser. */
export async function openTab(address) {
  const browser = await chromium.launch(browserOptions);
  const session = await browser.newBrowserCDPSession();
  const { browserContextId } = await session.send('Target.createBrowserContext');
  const { targetId } = await session.send('Target.createTarget', { url: address, browserContextId });
  const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: false });
  const ask = through(session)(sessionId);
  /** What a function of no arguments answers in the tab. */
  const evaluate = async (act) => {
    const { result, exceptionDetails } = await ask('Runtime.evaluate', {
      expression: `(${act})()`,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  return {
    evaluate,
    /** Turns to another tab. */
    leave: () => session.send('Target.createTarget', { url: 'about:blank', browserContextId }),
    /** Turns to it again. */
    comeBack: () => session.send('Target.activateTarget', { targetId }),
    /** CPU seconds that this browser has taken, all its processes together. */
    async cpu() {
      const { processInfo } = await session.send('SystemInfo.getProcessInfo');
      return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
    },
    close: () => browser.close(),
  };
}
