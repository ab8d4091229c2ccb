/** Which handler answers which action, and which actions may run beside others. */

import type { DeviceId, Entered, Sent, User } from "../../../domain/model.ts";
import type { Own } from "../../../domain/people/log-ins.ts";
import { closeCode } from "../../errors.ts";
import type { StreamEntry } from "../../outgoing/entries.ts";
import type { Body, Dialect } from "../../outgoing/push.ts";
import type { Front } from "../../shared.ts";
import type { Request } from "../actions.ts";
import type { Encoding, Frame } from "../codec.ts";
import { logIn, register } from "./auth.ts";
import { setAvatar } from "./avatar.ts";
import { createChat } from "./chat.ts";
import { handleExtension } from "./extensions.ts";
import { failed } from "./failed.ts";
import { getMessages, sendMessage } from "./message.ts";
import { getUser } from "./user.ts";

export interface LoggedInBy {
  readonly deviceId: DeviceId | undefined;
  readonly acknowledges: boolean;
  readonly credential: Credential;
}

/** The client a request came from, as handlers see it. */
export interface Connection {
  readonly address: string;
  readonly user: User | undefined;
  readonly deviceId: DeviceId | undefined;
  readonly dialect: Dialect;
  /** What of the user's log-ins is this one. */
  readonly own: Own;
  become(user: User, by: LoggedInBy): void;
  /** Large content from here on comes as an address alone, or as it was said. */
  wantFilesByUrl(byUrl: boolean): void;
  /** The entry of this client's stream that spawns a chat just made. */
  spawnOf(entered: Entered): StreamEntry | undefined;
}

/** How a client logged in, and what it calls itself. */
export interface Credential {
  /** Undefined where it was a password. */
  readonly tokenId: string | undefined;
  readonly name: string | undefined;
}

export type Answer =
  | { readonly is: "said"; readonly body: Body }
  /** Encoded already, since others are told the same. */
  | { readonly is: "framed"; readonly frame: Frame }
  /** A stored message; its push is the answer. */
  | { readonly is: "sent"; readonly sent: Sent }
  /** The answer is an entry of the client's own stream. */
  | { readonly is: "entry"; readonly entry: StreamEntry }
  /** Said after everything the client's stream held when its turn came. */
  | { readonly is: "fence"; readonly body: Body }
  | { readonly is: "nothing" }
  | { readonly is: "close"; readonly code: number; readonly reason: string };

/** Logins and reads begin when everything before them was answered, and nothing begins beside them. */
export function waitsForEarlier({ action }: Request): boolean {
  return action !== "message.send" && action !== "chat.create" && action !== "heartbeat";
}

/**
 * Throws `DomainError` where the product says no. Sends reach the store before this returns, so in order.
 * @param encoding of the request, and so of its answer (O1).
 */
export async function handle(
  front: Front,
  connection: Connection,
  { request, encoding }: { readonly request: Request; readonly encoding: Encoding },
): Promise<Answer> {
  const { user } = connection;
  switch (request.action) {
    case "heartbeat": // also before login (O25)
      return { is: "fence", body: { action: "heartbeat.ack" } };
    case "message.push.ack": // taken when it arrived; no answer to an answer (O26)
      return { is: "nothing" };
    case "auth.register":
      return said(await register(front, connection, request));
    case "auth.login":
      return said(await logIn(front, connection, request));
    case "auth.logout": // also when not logged in (O27)
      return { is: "close", code: closeCode.normal, reason: "Logged out" };
    default:
      if (user === undefined) return said(failed(request, "Not logged in")); // O19
  }
  switch (request.action) {
    case "user.sync":
      return {
        is: "framed",
        frame: await front.userSync(user, connection.deviceId, { ...connection.dialect, encoding }),
      };
    case "avatar.set":
      return said(await setAvatar(front, user, request));
    case "user.get":
      return said(await getUser(front, connection, request, user));
    case "chat.create": {
      const entry = connection.spawnOf(await createChat(front, user, request));
      return entry === undefined ? { is: "nothing" } : { is: "entry", entry };
    }
    case "message.send":
      return { is: "sent", sent: await sendMessage(front, user, request) };
    case "message.get":
      return said(await getMessages(front, connection, user, request));
    default:
      return handleExtension(front, connection, user, request);
  }
}

const said = (body: Body): Answer => ({ is: "said", body });
