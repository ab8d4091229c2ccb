/** What all connections of this door share. */
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import type { ChatView, DeviceId, Entered, User, UserId } from "../domain/model.ts";
import type { Log } from "../lib/log.ts";
import type { Dialect } from "./dialect.ts";
import { closeCode } from "./errors.ts";
import { createUserSync } from "./history/user-sync.ts";
import type { MiniOicqLimits } from "./limits.ts";
import type { MiniOicqOptions } from "./options.ts";
import { createToldChats, type ToldChats } from "./outgoing/told-chats.ts";
import type { Frame } from "./requests/codec.ts";

export interface Shared {
  readonly domain: Domain;
  readonly hub: Hub;
  readonly log: Log;
  readonly limits: MiniOicqLimits;
  readonly options: MiniOicqOptions;
  readonly toldChats: ToldChats;
  /** The answer to `user.sync`. */
  userSync(user: User, deviceId: DeviceId | undefined, dialect: Dialect): Promise<Frame>;
  /** The chat that users entered, read once for all who are told of it. */
  viewOf(entered: Entered, reader: UserId): Promise<ChatView | undefined>;
  /** The device is here now. Its earlier connection, as a rule dead before the server notices, is closed. */
  claimDevice(deviceId: DeviceId, connection: Flushable): void;
  releaseDevice(deviceId: DeviceId, connection: Flushable): void;
  /** Flushes the connection once, after everything else this tick brings. */
  schedule(connection: Flushable): void;
}

interface Flushable {
  flush(): void;
  close(code: number, reason: string): void;
}

export function createShared(parts: Pick<Shared, "domain" | "hub" | "log" | "limits" | "options">): Shared {
  const { domain, log } = parts;
  const views = new WeakMap<Entered, Promise<ChatView | undefined>>();
  const connectionOf = new Map<DeviceId, Flushable>();
  let dirty: Flushable[] = [];

  function flushAll(): void {
    const connections = dirty;
    dirty = [];
    for (const connection of connections) {
      try {
        connection.flush();
      } catch (error) {
        log.error("a connection failed", { error });
        connection.close(closeCode.internal, "Internal error");
      }
    }
  }

  return {
    ...parts,
    toldChats: createToldChats({ store: domain.store, log }),
    userSync: createUserSync(parts),
    viewOf(entered, reader) {
      const known = views.get(entered);
      if (known !== undefined) return known;
      const reading = domain.store.findChatView({ id: entered.chat.chatId }, reader);
      views.set(entered, reading);
      return reading;
    },
    claimDevice(deviceId, connection) {
      const before = connectionOf.get(deviceId);
      connectionOf.set(deviceId, connection);
      if (before !== connection) before?.close(closeCode.normal, "Logged in again");
    },
    releaseDevice(deviceId, connection) {
      if (connectionOf.get(deviceId) === connection) connectionOf.delete(deviceId);
    },
    schedule(connection) {
      dirty.push(connection);
      if (dirty.length === 1) setImmediate(flushAll);
    },
  };
}
