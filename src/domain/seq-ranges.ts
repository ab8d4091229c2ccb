/** Places in a chat that were confirmed out of order: ascending ranges, both ends inclusive, that never touch. */

export type SeqRange = readonly [from: number, to: number];

/** The ranges with `from` to `to` among them; the list given is not changed. */
export function withRange(ranges: readonly SeqRange[], from: number, to: number): readonly SeqRange[] {
  const last = ranges.at(-1);
  // As a rule confirmations come in order.
  if (last === undefined || last[1] + 1 < from) return [...ranges, [from, to]];
  if (last[0] <= from) return last[1] >= to ? ranges : [...ranges.slice(0, -1), [last[0], to]];
  const first = indexFrom(ranges, from - 1);
  let end = first;
  let low = from;
  let high = to;
  for (let range = ranges[end]; range !== undefined && range[0] <= to + 1; range = ranges[end]) {
    low = Math.min(low, range[0]);
    high = Math.max(high, range[1]);
    end += 1;
  }
  return [...ranges.slice(0, first), [low, high], ...ranges.slice(end)];
}

export function isInRanges(ranges: readonly SeqRange[], seq: number): boolean {
  const range = ranges[indexFrom(ranges, seq)];
  return range !== undefined && range[0] <= seq;
}

/** How far everything is confirmed, and the ranges beyond it. */
export function settle(
  position: number,
  ranges: readonly SeqRange[],
): { position: number; ranges: readonly SeqRange[] } {
  let reached = position;
  let count = 0;
  for (const [from, to] of ranges) {
    if (from > reached + 1) break;
    reached = Math.max(reached, to);
    count += 1;
  }
  return { position: reached, ranges: ranges.slice(count) };
}

/** The index of the first range that ends at `seq` or after it. */
function indexFrom(ranges: readonly SeqRange[], seq: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.[1] ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
