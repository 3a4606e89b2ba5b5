// Fonts that are the same on every machine, for tests that compare pixels: the slices of Noto that given texts need, from
// npm. They are all registered under one name, the first that the overlay asks for.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** If several have a character, the last one wins: digits must not come from the emoji font. */
const PACKAGES = ['noto-emoji', 'noto-sans-sc', 'noto-sans-arabic'];
const resolve = createRequire(import.meta.url).resolve;

/** Parses `U+4e00-9fff,U+3000` into pairs of the first and the last code point. */
const ranges = (list) =>
  list
    .split(',')
    .map((range) =>
      range
        .trim()
        .slice(2)
        .split('-')
        .map((code) => parseInt(code, 16)),
    )
    .map(([first, last = first]) => [first, last]);

/** All slices of a package, from its style sheet. */
function slices(name) {
  const sheet = resolve(`@fontsource-variable/${name}/index.css`);
  const faces = [...readFileSync(sheet, 'utf8').matchAll(/src: url\((.*?)\).*?unicode-range: (.*?);/gs)];
  return faces.map(([, file, range]) => ({ path: path.join(path.dirname(sheet), file), range }));
}

/** The font faces that `text` needs: `{data, range}`, the font in base64 and its `unicode-range`. */
export function facesFor(text) {
  const needed = [...new Set(text)].map((letter) => letter.codePointAt(0));
  const covers = ({ range }) =>
    ranges(range).some(([first, last]) => needed.some((code) => first <= code && code <= last));
  return PACKAGES.flatMap(slices)
    .filter(covers)
    .map(({ path, range }) => ({ data: readFileSync(path, 'base64'), range }));
}

/** Runs in a worker: registers `faces` there as `family`. */
export async function loadFaces({ faces, family }) {
  for (const { data, range } of faces) {
    const face = new FontFace(family, `url(data:font/woff2;base64,${data})`, {
      weight: '100 900',
      unicodeRange: range,
    });
    self.fonts.add(await face.load());
  }
}
