// Charts by hand: lines over a logarithmic axis, or bars, as SVG that looks right on light and dark pages.
import { writeFile } from 'node:fs/promises';

const [WIDTH, HEIGHT] = [720, 380];
const PLOT = { left: 64, right: 540, top: 48, bottom: 330 };
/** Told apart by people of any colour vision (Okabe and Ito). */
const COLORS = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const STYLE =
  'text{font:13px system-ui,sans-serif;fill:#888}.title{font-size:16px;font-weight:600}.grid{stroke:#8884}.limit{stroke:#d55e00;stroke-dasharray:6 4}';

const escape = (text) => String(text).replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const text = (x, y, what, more = '') => `<text x="${x}" y="${y}" ${more}>${escape(what)}</text>`;

/** A round number at or above `value`. */
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((n) => n * unit).find((round) => round >= value);
}

/**
 * Draws `series` (`[{name, points: [[x, y]]}]`) over the places `xs`, all equally far apart, and writes it to `path`.
 * @param {{title: string, x: string, y: string, xs: number[], series: object[], limit?: number}} chart
 */
export async function lines(path, { title, x, y, xs, series, limit }) {
  const most = roundUp(Math.max(limit ?? 0, ...series.flatMap(({ points }) => points.map(([, value]) => value))));
  const across = (value) => PLOT.left + ((PLOT.right - PLOT.left) * (xs.indexOf(value) + 0.5)) / xs.length;
  const up = (value) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * value) / most;
  const parts = [text(PLOT.left, 24, title, 'class="title"'), text(PLOT.left, 42, y)];
  for (let n = 0; n <= 4; n += 1) {
    const value = (most * n) / 4;
    parts.push(`<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${up(value)}" y2="${up(value)}"/>`);
    parts.push(text(PLOT.left - 8, up(value) + 4, Number(value.toPrecision(3)), 'text-anchor="end"'));
  }
  for (const value of xs)
    parts.push(text(across(value), PLOT.bottom + 20, value.toLocaleString('en'), 'text-anchor="middle"'));
  parts.push(text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 40, x, 'text-anchor="middle"'));
  if (limit !== undefined)
    parts.push(`<line class="limit" x1="${PLOT.left}" x2="${PLOT.right}" y1="${up(limit)}" y2="${up(limit)}"/>`);
  series.forEach(({ name, points }, n) => {
    const color = COLORS[n % COLORS.length];
    const places = points.map(([at, value]) => `${across(at).toFixed(1)},${up(value).toFixed(1)}`);
    parts.push(`<polyline points="${places.join(' ')}" fill="none" stroke="${color}" stroke-width="2.5"/>`);
    parts.push(
      ...places.map(
        (place) => `<circle cx="${place.split(',')[0]}" cy="${place.split(',')[1]}" r="4" fill="${color}"/>`,
      ),
    );
    const row = PLOT.top + 22 * n;
    parts.push(`<rect x="${PLOT.right + 20}" y="${row}" width="12" height="12" fill="${color}"/>`);
    parts.push(text(PLOT.right + 38, row + 11, name));
  });
  const size = `viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escape(title)}"><style>${STYLE}</style>`;
  await writeFile(path, `${svg}\n${parts.join('\n')}\n</svg>\n`);
}
