/** The client a request came from, as handlers see it. */
import type { DeviceId, Entered, User } from "../../../domain/model.ts";
import type { Own } from "../../../domain/people/log-ins.ts";
import type { Dialect } from "../../dialect.ts";
import type { QueuedFrame } from "../../outgoing/push-queue.ts";

export interface Caller {
  readonly address: string;
  readonly user: User | undefined;
  readonly deviceId: DeviceId | undefined;
  readonly dialect: Dialect;
  /** Which of the user's log-ins is this one. */
  readonly own: Own;
  become(user: User, by: LoggedInBy): void;
  /** Large content from here on comes as an address alone, or as it was sent. */
  wantFilesByUrl(byUrl: boolean): void;
  /** The push that tells this client of a chat it just made. */
  announcementOf(entered: Entered): QueuedFrame | undefined;
}

export interface LoggedInBy {
  readonly deviceId: DeviceId | undefined;
  readonly acknowledges: boolean;
  readonly credential: Credential;
}

/** How a client logged in, and what it calls itself. */
export interface Credential {
  /** Undefined where it was a password. */
  readonly tokenId: string | undefined;
  readonly name: string | undefined;
}
