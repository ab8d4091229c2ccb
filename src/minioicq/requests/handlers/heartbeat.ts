/** MiniOICQ § Heartbeat; also before log-in (O25). */
import type { OpenHandler } from "../action.ts";

export const heartbeat: OpenHandler<{ readonly action: "heartbeat" }> = {
  parse: () => ({ action: "heartbeat" }),
  handle: async () => ({ is: "fence", body: { action: "heartbeat.ack" } }),
};
