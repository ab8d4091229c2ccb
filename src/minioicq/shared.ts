/** What every session of this door shares. */
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import type { ChatView, DeviceId, Entered, User, UserId } from "../domain/model.ts";
import type { Log } from "../lib/log.ts";
import type { Dialect } from "./dialect.ts";
import { closeCode } from "./errors.ts";
import { createUserSync } from "./history/user-sync.ts";
import type { MiniOicqLimits } from "./limits.ts";
import type { MiniOicqOptions } from "./options.ts";
import { type Confirmations, createConfirmations } from "./outgoing/told-chats.ts";
import type { Frame } from "./requests/codec.ts";
import type { Rates } from "./requests/rates.ts";

export interface Front {
  readonly domain: Domain;
  readonly hub: Hub;
  readonly log: Log;
  readonly limits: MiniOicqLimits;
  readonly options: MiniOicqOptions;
  readonly rates: Rates;
  readonly confirmations: Confirmations;
  /** The answer to `user.sync`. */
  userSync(user: User, deviceId: DeviceId | undefined, dialect: Dialect): Promise<Frame>;
  /** The chat somebody entered, read once for all who are told of it. */
  viewOf(entered: Entered, reader: UserId): Promise<ChatView | undefined>;
  /** The device is here now: an earlier connection of its own, dead as a rule without our knowing it yet, is closed. */
  claimDevice(deviceId: DeviceId, session: Flushed): void;
  releaseDevice(deviceId: DeviceId, session: Flushed): void;
  /** Flushes the session once, after everything else this tick brings. */
  schedule(session: Flushed): void;
}

interface Flushed {
  flush(): void;
  close(code: number, reason: string): void;
}

export function createFront(parts: Pick<Front, "domain" | "hub" | "log" | "limits" | "options" | "rates">): Front {
  const { domain, log } = parts;
  const views = new WeakMap<Entered, Promise<ChatView | undefined>>();
  const sessionOf = new Map<DeviceId, Flushed>();
  let dirty: Flushed[] = [];

  function flushAll(): void {
    const sessions = dirty;
    dirty = [];
    for (const session of sessions) {
      try {
        session.flush();
      } catch (error) {
        log.error("a session failed", { error });
        session.close(closeCode.internal, "Internal error");
      }
    }
  }

  return {
    ...parts,
    confirmations: createConfirmations({ store: domain.store, log }),
    userSync: createUserSync(parts),
    viewOf(entered, reader) {
      const known = views.get(entered);
      if (known !== undefined) return known;
      const reading = domain.store.findChatView({ id: entered.chat.chatId }, reader);
      views.set(entered, reading);
      return reading;
    },
    claimDevice(deviceId, session) {
      const before = sessionOf.get(deviceId);
      sessionOf.set(deviceId, session);
      if (before !== session) before?.close(closeCode.normal, "Logged in again");
    },
    releaseDevice(deviceId, session) {
      if (sessionOf.get(deviceId) === session) sessionOf.delete(deviceId);
    },
    schedule(session) {
      dirty.push(session);
      if (dirty.length === 1) setImmediate(flushAll);
    },
  };
}
