/**
 * When a change made something worse. Every round measures the base, the changed build and the base again; the two runs of
 * the base show how far apart measurements of one and the same build lie. What counts is the median ratio over all rounds.
 */

/** A loss below this counts for nothing, however quiet the machine was. */
const lossMin = 0.03;

export interface Round {
  readonly base: number;
  readonly head: number;
  /** The base once more. */
  readonly again: number;
}

export interface Judgement {
  /** Medians over the rounds. */
  readonly base: number;
  readonly head: number;
  /** Median of head / base. */
  readonly ratio: number;
  /** How far ratios of the base to itself lie from 1: half the distance between their quartiles, or their median's distance where that is more. */
  readonly spread: number;
  readonly verdict: "worse" | "better" | "same";
}

/** Throws where no round has all three values, each above zero. */
export function judge(rounds: readonly Round[], { lowerIsBetter }: { lowerIsBetter: boolean }): Judgement {
  const whole = rounds.filter(({ base, head, again }) => [base, head, again].every((n) => Number.isFinite(n) && n > 0));
  if (whole.length === 0) throw new Error("there is nothing to compare");
  const ratio = median(whole.map(({ base, head }) => head / base));
  const spread = spreadOf(whole.map(({ base, again }) => again / base));
  const gain = lowerIsBetter ? 1 / ratio : ratio;
  const counts = Math.max(lossMin, spread);
  const verdict = gain < 1 - counts ? "worse" : gain > 1 + counts ? "better" : "same";
  return {
    base: median(whole.map((one) => one.base)),
    head: median(whole.map((one) => one.head)),
    ratio,
    spread,
    verdict,
  };
}

function spreadOf(ratios: readonly number[]): number {
  const half = (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / 2;
  return Math.max(half, Math.abs(median(ratios) - 1));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Between two values where the fraction falls between them. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * fraction;
  const [below = Number.NaN, above = below] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below + (above - below) * (at - Math.floor(at));
}
