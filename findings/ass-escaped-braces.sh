#!/usr/bin/env bash
# `\{` and `\}`, which libass (and so mpv, VLC and ffmpeg) shows as braces, are no escapes to other readers of ASS: pysubs2 and
# ass-compiler take what stands between for tags, lose it, and keep the backslash. `\h`, a blank to pysubs2 and libass, is two
# letters to ass-compiler. What all of them agree on are full-width braces (U+FF5B, U+FF5D).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile pysubs2==1.8.1
npm install --silent --no-audit --no-fund --ignore-scripts --prefix node ass-compiler@0.1.16

cat > head.ass <<'ASS'
[Script Info]
ScriptType: v4.00+
PlayResX: 640
PlayResY: 360

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,25,&H00FFFFFF,&H00FFFFFF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,1,0,7,0,0,0,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
ASS
for text in 'a\{b\}c' 'a\hc' 'a｛b｝c'; do
  printf 'Dialogue: 0,0:00:01.00,0:00:09.00,Default,,0,0,0,,%s\n' "$text"
done > lines.ass
cat head.ass lines.ass > danmu.ass

cat > read.py <<'PY'
from importlib.metadata import version

import pysubs2

texts = [line.plaintext for line in pysubs2.load("danmu.ass")]
print(f"pysubs2 {version('pysubs2')}: {texts}")
assert texts == ["a\\c", "a c", "a｛b｝c"], "it changed"
PY
python/bin/python read.py

cat > node/read.mjs <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { compile } from 'ass-compiler';

const { version } = JSON.parse(readFileSync(new URL('node_modules/ass-compiler/package.json', import.meta.url)));
const { dialogues } = compile(readFileSync('danmu.ass', 'utf8'), {});
const texts = dialogues.map(({ slices }) =>
  slices.flatMap(({ fragments }) => fragments.map(({ text }) => text)).join(''),
);
console.log(`ass-compiler ${version}:`, texts);
assert.deepEqual(texts, ['a\\c', 'a\\hc', 'a｛b｝c'], 'it changed');
JS
node node/read.mjs
