/** What Bun holds of frames that the peer of a WebSocket has not taken. */
import { estimateShallowMemoryUsageOf } from "bun:jsc";

/**
 * More than what waits: Bun makes room ahead, and drops what was sent only now and then. It says so to its collector.
 * Where nothing waits nothing is held.
 */
export function keptFor(socket: { getBufferedAmount(): number } | undefined): number {
  if (socket === undefined) return 0;
  const waiting = socket.getBufferedAmount();
  return waiting === 0 ? 0 : Math.max(waiting, estimateShallowMemoryUsageOf(socket));
}
