/** Notes of what MQTT clients are refused, for tests in which nobody reads them. */
import type { RefusalNotes } from "../../src/access/refusals.ts";

export const noNotes: RefusalNotes = {
  nameOf: ({ key }) => key,
  refused() {},
  refusedByService() {},
  logInRefused() {},
};
