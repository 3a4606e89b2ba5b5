// What could be shown at all, of danmu `{at, width}` that enter at once or never (milliseconds, pixels): by the simplest
// engine that keeps the rule, and by one that knows the future.
import { CROSSING } from './limits.mjs';

const STAGE = { width: 1280, lanes: 18, gap: 24, crossing: CROSSING * 1_000 };

/**
 * Whether `behind` may follow `ahead` in a lane: the tail in front is in by more than the gap, and it is not caught up with
 * before it has left.
 */
function follows(behind, ahead) {
  const { width, gap, crossing } = STAGE;
  const since = behind.at - ahead.at;
  const tailIsIn = (since * (width + ahead.width)) / crossing >= ahead.width + gap;
  const rest = Math.max(0, crossing - since);
  return tailIsIn && (rest === 0 || width - (rest * (width + behind.width)) / crossing >= gap);
}

/** How many are shown by first fit: the topmost lane that is free at the moment of entry. */
export function firstFit(danmu) {
  const last = Array(STAGE.lanes).fill(null);
  let shown = 0;
  for (const one of danmu) {
    const lane = last.findIndex((ahead) => ahead === null || follows(one, ahead));
    if (lane < 0) continue;
    last[lane] = one;
    shown += 1;
  }
  return shown;
}

/**
 * The most that can be shown by any choice of danmu and lanes, known in advance: as many chains as there are lanes in the
 * order that `follows` is (who follows one that follows a third follows it too), found as a flow of least cost.
 */
export function upperBound(danmu) {
  const flow = new Flow(2 * danmu.length + 2);
  const [source, sink] = [2 * danmu.length, 2 * danmu.length + 1];
  danmu.forEach((one, n) => {
    flow.add(source, 2 * n, 0);
    flow.add(2 * n, 2 * n + 1, -1);
    flow.add(2 * n + 1, sink, 0);
    for (let later = n + 1; later < danmu.length; later += 1) {
      if (follows(danmu[later], one)) flow.add(2 * n + 1, 2 * later, 0);
    }
  });
  let shown = 0;
  for (let lane = 0; lane < STAGE.lanes; lane += 1) {
    const gained = flow.augment(source, sink);
    if (gained === 0) break;
    shown += gained;
  }
  return shown;
}

/** A network whose edges carry one or nothing. */
class Flow {
  #edges;
  /** Edges by number, each beside its own reverse: where to, what is left, and at what cost. */
  #to = [];
  #left = [];
  #cost = [];

  constructor(nodes) {
    this.#edges = Array.from({ length: nodes }, () => []);
  }

  add(from, to, cost) {
    for (const [start, end, left, price] of [
      [from, to, 1, cost],
      [to, from, 0, -cost],
    ]) {
      this.#edges[start].push(this.#to.length);
      this.#to.push(end);
      this.#left.push(left);
      this.#cost.push(price);
    }
  }

  /** Sends one more unit along the cheapest way; answers what it gains, 0 where there is none that gains. */
  augment(source, sink) {
    const cost = Array(this.#edges.length).fill(Infinity);
    const by = Array(this.#edges.length).fill(-1);
    const queued = new Set([source]);
    cost[source] = 0;
    for (const node of queued) {
      queued.delete(node);
      for (const edge of this.#edges[node]) {
        const next = this.#to[edge];
        if (this.#left[edge] === 0 || cost[node] + this.#cost[edge] >= cost[next]) continue;
        cost[next] = cost[node] + this.#cost[edge];
        by[next] = edge;
        queued.add(next);
      }
    }
    if (!(cost[sink] < 0)) return 0;
    for (let node = sink; node !== source; node = this.#to[by[node] ^ 1]) {
      this.#left[by[node]] -= 1;
      this.#left[by[node] ^ 1] += 1;
    }
    return -cost[sink];
  }
}
