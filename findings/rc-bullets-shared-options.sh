#!/usr/bin/env bash
# All screens of rc-bullets on a page have one object of options, the module's defaults: a second screen begins with what the
# first was given, and what it is given itself changes the first.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts rc-bullets@1.5.16 react@17.0.2 react-dom@17.0.2 jsdom@26.1.0

cat > show.cjs <<'JS'
const assert = require('node:assert/strict');
const { JSDOM } = require('jsdom');

const { window } = new JSDOM('<div id="player"></div><div id="chat"></div>', { pretendToBeVisual: true });
Object.assign(globalThis, { window, document: window.document, HTMLElement: window.HTMLElement });
globalThis.navigator ??= window.navigator;
globalThis.getComputedStyle = window.getComputedStyle.bind(window);
window.Element.prototype.getBoundingClientRect = () => ({ width: 640, height: 360 });

const { version } = require('rc-bullets/package.json');
const { default: BulletScreen } = require('rc-bullets');
const player = new BulletScreen('#player', { duration: 4, trackHeight: 90 });
const chat = new BulletScreen('#chat');
const inherited = { duration: chat.options.duration, trackHeight: chat.options.trackHeight };
new BulletScreen('#chat', { duration: 20 });
console.log(`rc-bullets ${version} (its defaults: duration 10, trackHeight 50)`);
console.log(`  a second screen without options: duration ${inherited.duration}, trackHeight ${inherited.trackHeight}`);
console.log(`  the first, of 4 s, once another was given 20 s: duration ${player.options.duration}`);
assert.deepEqual(inherited, { duration: 4, trackHeight: 90 }, 'it changed');
assert.equal(player.options.duration, 20, 'it changed');
// React's scheduler would wait for messages for ever.
process.exit();
JS
node show.cjs
