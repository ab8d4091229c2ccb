/** What a client of the Erlang-term services logs in with, before and after anybody knows whether it is any good. */
import type { PhoneSession } from "./phone-sessions.ts";

export interface PhoneLogin {
  /** Its password, whether that is a token of ours or not. */
  readonly token: string | undefined;
  /** Undefined where it is not. */
  readonly session: PhoneSession | undefined;
}
