// What processes take, as Linux accounts for it.
import { readdir, readFile } from 'node:fs/promises';

/** Ticks a second in `/proc` (USER_HZ), whatever the kernel's own. */
const HZ = 100;

/** One line of `/proc/<pid>/stat`; nothing for a process that has just ended. */
async function stat(pid) {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name is in parentheses, and may have some itself.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid, parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / HZ };
  } catch {
    return null;
  }
}

/** The process `root` and all that descend from it, with the CPU seconds that each has taken, by process id. */
export async function processTree(root) {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(stat))).filter(Boolean);
  const tree = new Map();
  const add = (one) => {
    tree.set(one.pid, one.seconds);
    all.filter(({ parent }) => parent === one.pid).forEach(add);
  };
  all.filter(({ pid }) => pid === root).forEach(add);
  return tree;
}

/** The CPU seconds between two looks at a tree. A process that began meanwhile counts whole. */
export const spent = (before, after) =>
  [...after].reduce((sum, [pid, seconds]) => sum + seconds - (before.get(pid) ?? 0), 0);

/** Memory of a process that nobody shares with it, bytes. */
export async function privateBytes(pid) {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) * 1_024;
}
