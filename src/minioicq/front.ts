/** What every session of this door shares. */
import type { Hub } from "../delivery/hub.ts";
import type { Domain } from "../domain/domain.ts";
import type { ChatView, Entered, UserId } from "../domain/model.ts";
import type { Log } from "../lib/log.ts";
import { type Confirmations, createConfirmations } from "./confirmations.ts";
import { closeCode } from "./errors.ts";
import type { MiniOicqLimits } from "./limits.ts";
import type { MiniOicqOptions } from "./options.ts";
import type { Rates } from "./rates.ts";

export interface Front {
  readonly domain: Domain;
  readonly hub: Hub;
  readonly log: Log;
  readonly limits: MiniOicqLimits;
  readonly options: MiniOicqOptions;
  readonly rates: Rates;
  readonly confirmations: Confirmations;
  /** The chat somebody entered, read once for all who are told of it. */
  viewOf(entered: Entered, reader: UserId): Promise<ChatView | undefined>;
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
    viewOf(entered, reader) {
      const known = views.get(entered);
      if (known !== undefined) return known;
      const reading = domain.store.findChatView({ id: entered.chat.chatId }, reader);
      views.set(entered, reading);
      return reading;
    },
    schedule(session) {
      dirty.push(session);
      if (dirty.length === 1) setImmediate(flushAll);
    },
  };
}
