// What a page and its workers hold, and where, as the browser accounts for it and not as an engine believes: what scripts hold,
// what the browser's objects behind them take, WebAssembly's memory, bitmaps, and the process that has it all.
import { through } from '../../lib/devtools.mjs';
import { privateBytes } from './cpu.mjs';

/** Sums of what a worker can be asked for, by the objects that have it. */
const HELD = {
  wasm: ['WebAssembly.Memory', (memory) => memory.buffer.byteLength],
  bitmaps: ['ImageBitmap', ({ width, height }) => width * height * 4],
};

/** What `page`'s scripts hold, its workers' included, bytes. Collects garbage. */
export async function heapOf(page) {
  const { bytes } = await page.evaluate(() => performance.measureUserAgentSpecificMemory());
  return bytes;
}

/** What the largest of the pages' processes has for itself, bytes. */
export async function processOf(session) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  const own = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => privateBytes(id));
  return Math.max(...(await Promise.all(own)));
}

/**
 * What `page`'s workers hold together, bytes: `worker` is what their scripts and the browser's objects behind them take,
 * `wasm` and `bitmaps` are beside that; `count` is the number of bitmaps. Collects garbage.
 */
export async function workersOf(page) {
  const session = await page.context().newCDPSession(page);
  const workers = await attach(session);
  const running = page.workers().length;
  if (workers.length < running) throw new Error(`asked ${workers.length} of the page's ${running} workers`);
  const sums = { worker: 0, wasm: 0, bitmaps: 0, count: 0 };
  for (const ask of workers) {
    for (const [name, [of, size]] of Object.entries(HELD)) {
      const { result } = await ask('Runtime.evaluate', { expression: `${of}.prototype` });
      const { objects } = await ask('Runtime.queryObjects', { prototypeObjectId: result.objectId });
      const declaration = `function () { return this.map(${size}) }`;
      const found = await ask('Runtime.callFunctionOn', {
        objectId: objects.objectId,
        functionDeclaration: declaration,
        returnByValue: true,
      });
      const sizes = found.result.value.filter((size) => size > 0);
      sums[name] += sizes.reduce((sum, size) => sum + size, 0);
      if (name === 'bitmaps') sums.count += sizes.length;
      for (const { objectId } of [result, objects]) await ask('Runtime.releaseObject', { objectId });
    }
    const { usedSize, embedderHeapUsedSize } = await ask('Runtime.getHeapUsage');
    sums.worker += usedSize + embedderHeapUsedSize;
  }
  await session.detach();
  return sums;
}

/** A way to ask each worker of the page that `session` is of. */
async function attach(session) {
  const workers = [];
  const ask = through(session);
  session.on('Target.attachedToTarget', ({ sessionId }) => workers.push(ask(sessionId)));
  // Tells of those that there are before it answers.
  await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  return workers;
}
