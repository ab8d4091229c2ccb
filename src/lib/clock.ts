/** Where the time comes from, so that tests can move it. Times are UTC epoch milliseconds. */
export interface Clock {
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };
