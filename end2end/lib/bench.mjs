// Shared by the benchmarks: statistics, tables, and the file of results.
import { writeFile } from 'node:fs/promises';
import os from 'node:os';

/** The `q`-quantile of `sorted` (nearest rank). */
export const quantile = (sorted, q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];

/** Prints rows as a table, with columns of numbers right-aligned. */
export function table(headings, rows) {
  const all = [headings, ...rows].map((row) => row.map(String));
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const numeric = headings.map((_, column) => rows.every((row) => typeof row[column] === 'number' || row[column] === ''));
  for (const row of all) {
    const cells = row.map((cell, column) =>
      numeric[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
    );
    console.log(`  ${cells.join('  ').trimEnd()}`);
  }
}

/** Writes the result with a description of the machine, prints the verdict, and sets the exit code. */
export async function conclude(result, kept) {
  const machine = { cpu: os.cpus()[0]?.model, cores: os.cpus().length, memory: os.totalmem(), node: process.version };
  const path = process.env.E2E_RESULT;
  if (path) await writeFile(path, `${JSON.stringify({ ...result, kept, at: new Date().toISOString(), machine }, null, 2)}\n`);
  console.log(kept ? '\n  Within the limits.\n' : '\n  OVER THE LIMIT.\n');
  process.exitCode = kept ? 0 : 1;
}
