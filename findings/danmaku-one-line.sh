#!/usr/bin/env bash
# On a stage that is exactly as high as a danmu (a ticker), the engine `danmaku` reckons with a remainder by zero: y is NaN, and
# `translate(…px, NaNpx)` is no value of CSS, so a browser leaves the danmu where it is. One pixel more, and it moves.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts danmaku@2.0.10 jsdom@26.1.0

cat > show.cjs <<'JS'
const assert = require('node:assert/strict');
const { JSDOM } = require('jsdom');

const { window } = new JSDOM('<div id="30"></div><div id="31"></div>');
Object.assign(globalThis, { window, document: window.document, HTMLElement: window.HTMLElement });
// A stage of 640 pixels, as high as its id says, and texts of 100×30; frames and clock are the test's.
const define = (name, get) => Object.defineProperty(window.HTMLElement.prototype, name, { get });
define('offsetWidth', function () { return this.id ? 640 : 100; });
define('offsetHeight', function () { return Number(this.id || 30); });
let now = 0;
let frames = [];
window.performance.now = () => now;
window.requestAnimationFrame = (frame) => frames.push(frame);
const run = (milliseconds) => {
  for (const end = now + milliseconds; now < end; ) {
    now += 16;
    for (const frame of frames.splice(0)) frame(now);
  }
};

const { version } = require('danmaku/package.json');
const Danmaku = require('danmaku');
console.log(`danmaku ${version}, a danmu of 30 pixels`);
const transforms = ['30', '31'].map((height) => {
  const stage = document.getElementById(height);
  const engine = new Danmaku({ container: stage, speed: 160 });
  engine.emit({ text: '前方高能' });
  run(1_000);
  const [, transform] = stage.innerHTML.match(/transform: (translate\([^)]*\))/);
  console.log(`  on a stage of ${height}: ${transform}`);
  return transform;
});
assert.match(transforms[0], /,\s*NaNpx\)$/, 'it changed');
assert.match(transforms[1], /,\s*0px\)$/, 'it changed');
JS
node show.cjs
