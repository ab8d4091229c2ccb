/** What all connections of this door share. */
import type { Hub } from "../delivery/hub.ts";
import type { PresenceNews } from "../delivery/presence.ts";
import type { Receipts } from "../delivery/receipts.ts";
import type { Typing } from "../delivery/typing.ts";
import type { Domain } from "../domain/domain.ts";
import type { ChatView, DeviceId, Entered, User, UserId } from "../domain/model.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { Turns } from "../lib/turns.ts";
import type { MemoryBudget } from "../net/memory-budget.ts";
import type { WebSocketGuard } from "../net/websocket-guard.ts";
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
  readonly receipts: Pick<Receipts, "listen" | "list">;
  readonly typing: Pick<Typing, "set">;
  readonly presence: Pick<PresenceNews, "listen" | "current">;
  /** Whether a mute is over is judged by it. */
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: Log;
  /** Writes that clients come and go. */
  readonly logConnections: Log["debug"];
  readonly limits: MiniOicqLimits;
  readonly options: MiniOicqOptions;
  readonly memory: Pick<MemoryBudget, "grew" | "mayBegin">;
  readonly websocketGuard: Pick<WebSocketGuard, "enter">;
  readonly toldChats: ToldChats;
  /** Pages of history that are read: a user's connections have few at a time. */
  readonly historyTurns: Turns<UserId>;
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

/** Of one user. While a page is made it takes several times its 4 MiB. */
const historyPagesAtOnce = 1;

interface Flushable {
  flush(): void;
  close(code: number, reason: string): void;
}

export function createShared(
  parts: Pick<
    Shared,
    | "domain"
    | "hub"
    | "receipts"
    | "typing"
    | "presence"
    | "clock"
    | "log"
    | "logConnections"
    | "limits"
    | "options"
    | "memory"
    | "websocketGuard"
  >,
): Shared {
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
    historyTurns: new Turns(historyPagesAtOnce),
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
