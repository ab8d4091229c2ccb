/** A seeded source of choices, so that a run that failed can be run again by its seed. */
export interface Random {
  /** 0 ≤ n < below. */
  int(below: number): number;
  chance(probability: number): boolean;
  pick<Value>(from: readonly Value[]): Value;
}

/** Mulberry32: small, and good enough to wander through interleavings. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    chance: (probability) => next() < probability,
    pick(from) {
      if (from.length === 0) throw new Error("nothing to pick from");
      return from[int(from.length)] as (typeof from)[number];
    },
  };
}

/** Runs `body` once per seed; a failure names the seed it came with. */
export async function withSeeds(
  seeds: { first: number; count: number },
  body: (random: Random, seed: number) => Promise<void>,
): Promise<void> {
  for (let seed = seeds.first; seed < seeds.first + seeds.count; seed += 1) {
    try {
      await body(createRandom(seed), seed);
    } catch (error) {
      throw new Error(`failed with seed ${seed}`, { cause: error });
    }
  }
}
