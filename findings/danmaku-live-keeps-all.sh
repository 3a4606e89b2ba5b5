#!/usr/bin/env bash
# Without a media element (live), the engine `danmaku` keeps every comment that it was ever given: what has left the picture
# leaves `runningList` and the document, but never `comments`, and clear() does not empty that either. At 100 danmu a second a
# page holds 360,000 of them after an hour.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts danmaku@2.0.10 jsdom@26.1.0

cat > show.cjs <<'JS'
const assert = require('node:assert/strict');
const { JSDOM } = require('jsdom');

const { window } = new JSDOM('<div id="stage"></div>');
Object.assign(globalThis, { window, document: window.document, HTMLElement: window.HTMLElement });
// A picture of 640×360 and texts of 100×30; frames and clock are the test's.
const size = (stage, text) => ({ get: function () { return this.id === 'stage' ? stage : text; } });
Object.defineProperty(window.HTMLElement.prototype, 'offsetWidth', size(640, 100));
Object.defineProperty(window.HTMLElement.prototype, 'offsetHeight', size(360, 30));
let now = 0;
let frames = [];
window.performance.now = () => now;
window.requestAnimationFrame = (frame) => frames.push(frame);
window.cancelAnimationFrame = () => {};
const run = (milliseconds) => {
  for (const end = now + milliseconds; now < end; ) {
    now += 16;
    for (const frame of frames.splice(0)) frame(now);
  }
};

const { version } = require('danmaku/package.json');
const Danmaku = require('danmaku');
const stage = document.getElementById('stage');
const engine = new Danmaku({ container: stage, speed: 160 });
for (let i = 0; i < 1_000; i++) {
  engine.emit({ text: `danmu ${i}` });
  run(16);
}
run(60_000);
const shown = stage.firstElementChild.children.length;
const kept = engine.comments.length;
engine.clear();
console.log(`danmaku ${version}\n  1,000 danmu, a minute after the last: ${shown} in the document, ${kept} kept`);
console.log(`  after clear(): ${engine.comments.length} kept`);
assert.deepEqual([shown, kept, engine.comments.length], [0, 1_000, 1_000], 'it changed');
JS
node show.cjs
