/** Throws where a condition that always holds does not hold: a defect of this program, never a peer's fault. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}
