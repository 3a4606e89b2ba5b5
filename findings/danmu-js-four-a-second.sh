#!/usr/bin/env bash
# Without a player, danmu.js takes one waiting danmu from its list every 250 ms, whatever the room on the stage: four a second,
# and all others wait without limit. A live page that says more needs a media element as `player`, or `realTime`.
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
// A stage with room for 100 lines, texts of 100×30; timers and frames are the test's.
window.Element.prototype.getBoundingClientRect = function () {
  const [left, width, height] = this.id ? [0, 640, 3_000] : [640, 100, 30];
  return { left, top: 0, right: left + width, bottom: height, width, height };
};
let waiting = [];
let periods = new Set();
globalThis.requestAnimationFrame = (frame) => waiting.push(() => frame(0));
globalThis.cancelAnimationFrame = () => {};
globalThis.setTimeout = (act, period) => {
  periods.add(period);
  return waiting.push(act);
};
globalThis.clearTimeout = () => {};
const turn = () => waiting.splice(0).forEach((act) => act());

const { version } = require('danmu.js/package.json');
const { DanmuJs } = require('danmu.js');
const engine = new DanmuJs({ container: document.getElementById('stage'), live: true, overlap: true, channelSize: 30 });
turn();
periods.clear();
engine.start();
for (let i = 0; i < 100; i++) engine.sendComment({ id: `danmu-${i}`, txt: '前方高能', duration: 8_000 });
// start() looks at once; from there on each turn is one of its timers.
const begun = engine.state.bullets.length;
for (let i = 0; i < 20; i++) turn();
const { bullets, comments } = engine.state;
console.log(`danmu.js ${version}, without a player, 100 danmu at once`);
console.log(`  timers of ${[...periods]} ms; after 20 of them ${bullets.length} shown, ${comments.length} waiting`);
assert.deepEqual([[...periods], begun, bullets.length, comments.length], [[250], 0, 20, 80], 'it changed');
JS
node show.cjs
