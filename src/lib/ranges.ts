/** A set of whole numbers as ascending ranges that neither touch nor overlap, with an end to how many there are. */
export type Range = readonly [from: number, to: number];

export const hasNumber = (ranges: readonly Range[], number: number): boolean =>
  ranges.some(([from, to]) => from <= number && number <= to);

export function addNumber(ranges: readonly Range[], number: number): Range[] {
  const result: Range[] = [];
  let [low, high] = [number, number];
  for (const range of ranges) {
    if (range[1] < number - 1) {
      result.push(range);
    } else if (range[0] > number + 1) {
      result.push([low, high]);
      [low, high] = range;
    } else {
      low = Math.min(low, range[0]);
      high = Math.max(high, range[1]);
    }
  }
  result.push([low, high]);
  return result;
}

/** `[[1,3],[5,5]]`; none where there is none, or something else. */
export function parseRanges(text: string | null | undefined): Range[] {
  return text === null || text === undefined ? [] : (JSON.parse(text) as Range[]);
}

/** Null for none. */
export const rangesText = (ranges: readonly Range[]): string | null =>
  ranges.length === 0 ? null : JSON.stringify(ranges);
