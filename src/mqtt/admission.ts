/** Who is let in before a byte was read, whichever transport it comes over. */
import type { BrokerCore } from "./core.ts";

/** Whether there is room for one more connection; counted and logged either way. */
export function admit(core: BrokerCore, address: string): boolean {
  if (core.connections.size >= core.limits.connectionsMax || core.stopping) {
    core.counters.connectionsRefused++;
    core.log.debug("connection refused", { reason: "too_many_connections", address });
    return false;
  }
  core.counters.connectionsAccepted++;
  return true;
}
