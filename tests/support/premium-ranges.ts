/**
 * `bun tests/support/premium-ranges.ts` writes `src/providers/premium-ranges.json` anew from libphonenumber's full metadata,
 * which is in the same package as the small one in the executable, and five times the price of this table.
 */
import metadata from "libphonenumber-js/metadata.max.json";

/** Where the two types stand among a country's types. */
const premiumRate = 3;
const sharedCost = 9;

type Plan = readonly unknown[];

/** By calling code, one pattern of all national numbers that cost more than a usual call. */
export function premiumRanges(): Record<string, string> {
  const { countries, nonGeographic = {} } = metadata as unknown as {
    countries: Record<string, Plan>;
    nonGeographic?: Record<string, Plan>;
  };
  const byCode = new Map<string, Set<string>>();
  for (const plan of [...Object.values(countries), ...Object.values(nonGeographic)]) {
    const [code, types] = [plan[0], plan[11]];
    if (typeof code !== "string" || !Array.isArray(types)) continue;
    for (const type of [types[premiumRate], types[sharedCost]]) {
      const pattern: unknown = Array.isArray(type) ? type[0] : undefined;
      if (typeof pattern !== "string" || pattern === "") continue;
      byCode.set(code, (byCode.get(code) ?? new Set()).add(pattern));
    }
  }
  const sorted = [...byCode].sort(([a], [b]) => Number(a) - Number(b));
  return Object.fromEntries(sorted.map(([code, patterns]) => [code, [...patterns].sort().join("|")]));
}

if (import.meta.main) {
  await Bun.write(
    new URL("../../src/providers/premium-ranges.json", import.meta.url),
    `${JSON.stringify(premiumRanges(), null, 2)}\n`,
  );
}
