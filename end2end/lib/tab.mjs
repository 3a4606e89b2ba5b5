// A tab that can go to the background, in a browser of its own and not managed by Playwright, which keeps its own pages
// visible for ever.
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
  /** The result of a function without arguments, called in the tab. */
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
    /** Opens another tab, which puts this one in the background. */
    leave: () => session.send('Target.createTarget', { url: 'about:blank', browserContextId }),
    /** Brings the tab to the front again. */
    comeBack: () => session.send('Target.activateTarget', { targetId }),
    /** The CPU seconds that all processes of this browser have used. */
    async cpu() {
      const { processInfo } = await session.send('SystemInfo.getProcessInfo');
      return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
    },
    close: () => browser.close(),
  };
}
