// What the measurement of frames is itself measured with: drawers whose rate is known. They paint in every second frame of
// the display, 30 a second, in each of the ways that engines have, and one stands still.
import { everySecondFrame, square } from './square.mjs';

const engine = { emit() {}, live: () => 0, destroy() {} };

const add = (stage, name) => {
  const element = document.createElement(name);
  stage.append(element);
  return element;
};

const canvas = (stage) => Object.assign(add(stage, 'canvas'), { width: stage.clientWidth, height: stage.clientHeight });

export const rulers = {
  'stands still'(stage) {
    add(stage, 'p').textContent = '弹幕';
    return engine;
  },
  'elements, 30/s'(stage) {
    const element = add(stage, 'div');
    element.style.cssText = 'position:absolute;width:50px;height:50px;background:white';
    everySecondFrame((x) => (element.style.transform = `translate(${x}px,100px)`));
    return engine;
  },
  'canvas, 30/s'(stage) {
    everySecondFrame(square(canvas(stage)));
    return engine;
  },
  'worker, 30/s'(stage) {
    const worker = new Worker('/bench/rulerWorker.js', { type: 'module' });
    const surface = canvas(stage).transferControlToOffscreen();
    worker.postMessage(surface, [surface]);
    return { ...engine, destroy: () => worker.terminate() };
  },
};
