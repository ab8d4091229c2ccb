/** What a client of the Erlang-term services logs in with, before and after the server knows whether it is valid. */
import type { PhoneSession } from "./phone-sessions.ts";

export interface PhoneLogin {
  /** The client's password, whether it is a token of ours or not. */
  readonly token: string | undefined;
  /** Undefined where the token is not valid. */
  readonly session: PhoneSession | undefined;
}
