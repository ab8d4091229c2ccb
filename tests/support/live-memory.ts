/**
 * Bytes that are still referenced, buffers included, after a collection. RSS also counts what earlier tests of the same
 * process left to be collected, so it tells nothing about one test.
 */
export function liveMemoryBytes(): number {
  Bun.gc(true);
  // On Bun the heap's figure holds the buffers too.
  return process.memoryUsage().heapUsed;
}
