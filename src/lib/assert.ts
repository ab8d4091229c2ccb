/** For what cannot happen: a failure here is a defect of ours, never the peer's. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}
