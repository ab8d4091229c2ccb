/** The client a request came from, as handlers see it. */
import type { ChatId, DeviceId, Entered, User } from "../../../domain/model.ts";
import type { Own } from "../../../domain/people/log-ins.ts";
import type { LongToken } from "../../../domain/people/long-token-store.ts";
import type { Dialect } from "../../dialect.ts";
import type { QueuedFrame } from "../../outgoing/push-queue.ts";

export interface Caller {
  readonly address: string;
  readonly user: User | undefined;
  readonly deviceId: DeviceId | undefined;
  readonly dialect: Dialect;
  /** Which of the user's log-ins is this one. */
  readonly own: Own;
  /** The long-lived token that the client came by; undefined where it came otherwise. */
  readonly longToken: LongToken | undefined;
  become(user: User, by: LoggedInBy): void;
  /** Large content from here on comes as an address alone, or as it was sent. */
  wantFilesByUrl(byUrl: boolean): void;
  /** Pictures from here on come as an address alone, or as they are. */
  wantAvatarsByUrl(byUrl: boolean): void;
  /** The client has everything in the chat up to `seq`, and perhaps read it. */
  confirmedThrough(chatId: ChatId, seq: number, read: boolean): void;
  /** The client is told from here on which friends are online, or no longer. */
  watchPresence(watch: boolean): void;
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
  /** Set where it was a long-lived token. */
  readonly longToken: LongToken | undefined;
}
