// An audience that says danmu at a steady rate until it is told to stop.
import { setTimeout as sleep } from 'node:timers/promises';

const TICK_MS = 50;
/** How many are said in one call: a session may put 20 a second. */
const MOST = 20;

/** Says `rate` danmu a second; `stop` ends it and returns how many were said. */
export function talk(crowd, rate) {
  let [said, going] = [0, true];
  const began = performance.now();
  const done = (async () => {
    while (going) {
      const due = Math.floor(((performance.now() - began) / 1_000) * rate) - said;
      if (due > 0) {
        const danmu = Array.from({ length: Math.min(due, MOST) }, () => ({ text: `said ${(said += 1)}` }));
        await crowd.say(danmu);
      }
      await sleep(TICK_MS);
    }
    return said;
  })();
  const stop = () => {
    going = false;
    return done;
  };
  return { stop };
}
