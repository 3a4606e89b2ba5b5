#!/usr/bin/env bash
# danmu.js takes `start: 0` for "no start": a danmu that was said at the very beginning is shown wherever the viewer joins, and is
# written down there. One said a second later stays at its place.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts danmu.js@1.2.1 jsdom@26.1.0

cat > show.cjs <<'JS'
const assert = require('node:assert/strict');
const { JSDOM } = require('jsdom');

const { window } = new JSDOM('<div id="stage"></div>');
Object.assign(globalThis, { window, document: window.document, HTMLElement: window.HTMLElement });
window.Element.prototype.getBoundingClientRect = function () {
  const [left, width, height] = this.id ? [0, 640, 3_000] : [640, 100, 30];
  return { left, top: 0, right: left + width, bottom: height, width, height };
};
let waiting = [];
globalThis.requestAnimationFrame = (frame) => waiting.push(() => frame(0));
globalThis.cancelAnimationFrame = () => {};
globalThis.setTimeout = (act) => waiting.push(act);
globalThis.clearTimeout = () => {};

const { version } = require('danmu.js/package.json');
const { DanmuJs } = require('danmu.js');
const player = Object.assign(new window.EventTarget(), { currentTime: 600 });
const engine = new DanmuJs({
  container: document.getElementById('stage'),
  player,
  overlap: true,
  channelSize: 30,
  comments: [
    { id: 'at 0 s', txt: 'first', start: 0 },
    { id: 'at 1 s', txt: 'second', start: 1_000 },
    { id: 'at 600 s', txt: 'now', start: 600_000 },
  ],
});
engine.start();
for (let i = 0; i < 4; i++) waiting.splice(0).forEach((act) => act());
const shown = engine.state.bullets.map(({ id, start }) => [id, start]);
console.log(`danmu.js ${version}, a viewer who joins at 600 s is shown`);
for (const [id, start] of shown) console.log(`  what was said ${id}, with start ${start}`);
assert.deepEqual(shown, [['at 0 s', 600_000], ['at 600 s', 600_000]], 'it changed');
JS
node show.cjs
