// What a crew's decisions cost, and how soon they act (`cargo xtask bench crew`). A hidden danmu must be gone from 200 feeds and
// three pages on two replicas, and 3,000 decisions in a minute must slow nobody down.
import { conclude, table } from '../lib/bench.mjs';
import { decideBench } from './crew/decide.mjs';
import { hideBench } from './crew/hide.mjs';

const LIMITS = { goneP95: 500, ratio: 1.2 };
const quick = process.argv.includes('--quick');
const [ROUNDS, PAIRS, SECONDS] = quick ? [5, 1, 10] : [40, 5, 60];

const { unplaced, ...hidden } = await hideBench(ROUNDS);
table(
  ['from the click until it is gone from', 'median, ms', 'p95, ms', 'max, ms', 'at the most'],
  Object.entries({ '200 feeds, raw bytes': hidden.bytes, 'three pages, list': hidden.lists, 'three pages, pixels': hidden.pixels }).map(
    ([what, { median, p95, max }]) => [what, Math.round(median), Math.round(p95), Math.round(max), LIMITS.goneP95],
  ),
);

console.log(`\n  ${ROUNDS} danmu hidden; ${unplaced} more found no place in one of the pictures, and were not counted.\n`);

const pairs = [];
for (let n = 0; n < PAIRS; n += 1) {
  const alone = await decideBench(SECONDS, false);
  pairs.push({ alone, busy: await decideBench(SECONDS, true) });
}
const median = (numbers) => numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)];
const ratio = median(pairs.map(({ alone, busy }) => busy.p95 / alone.p95));
table(
  ['run', 'danmu heard', 'p95 alone, ms', 'p95 with decisions, ms', 'decisions', 'a second', 'not in the audit'],
  pairs.map(({ alone, busy }, n) => [n + 1, busy.heard, alone.p95, busy.p95, busy.made, Math.round(busy.made / busy.took), busy.missing]),
);
console.log(`\n  p95 of the others' danmu, with decisions ÷ without, median: ${ratio.toFixed(2)} (at the most ${LIMITS.ratio})`);
const kept =
  Object.values(hidden).every(({ p95 }) => p95 <= LIMITS.goneP95) &&
  ratio <= LIMITS.ratio &&
  pairs.every(({ busy }) => busy.missing === 0 && busy.made === 50 * SECONDS);
await conclude({ bench: 'crew', limits: LIMITS, hidden, unplaced, pairs, ratio }, kept);
