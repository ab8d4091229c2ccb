/** For doors whose clients listen for nobody. */
import type { PresenceNews } from "../../src/delivery/presence.ts";

export const noPresence: Pick<PresenceNews, "listen" | "current"> = {
  listen: () => () => {},
  async *current() {},
};
