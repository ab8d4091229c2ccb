/**
 * The only way to a connected client: user → attached sinks. The hub keeps no messages. What a client missed is in the
 * message log, and `Feed` reads it there.
 */
import type { DomainEvent, EventType } from "../domain/events.ts";
import type { UserId } from "../domain/model.ts";
import type { Client, ConnectedClient } from "../domain/people/log-ins.ts";
import type { Log } from "../lib/log.ts";

export interface Sink {
  readonly userId: UserId;
  /** Takes the event and returns. A sink that throws is detached. The sink must bound what it keeps. */
  deliver(event: DomainEvent): void;
  /** The client that the sink delivers to, if it can be named. Called only when a list of clients is asked for. */
  client?(): Client | undefined;
  /** Called once, when the hub detached the sink because it threw. */
  detached?(): void;
}

export interface Presence {
  readonly userId: UserId;
  readonly online: boolean;
}

export interface Hub {
  attach(sink: Sink): void;
  /** Safe to call twice. */
  detach(sink: Sink): void;
  publish(event: DomainEvent): void;
  isOnline(userId: UserId): boolean;
  clientsOf(userId: UserId): readonly ConnectedClient[];
  /** Gives the number of a sink's client. It stays the same while the sink is attached. */
  connectionIdOf(sink: Sink): number;
  /** The listener is called when the first sink of a user is attached and when the last one is detached. */
  onPresence(listener: (presence: Presence) => void): void;
  size(): { users: number; sinks: number };
}

/** The events that sinks receive. */
export const sinkEvents = [
  "message.sent",
  "status.stored",
  "chat.entered",
  "chat.left",
  "message.deleted",
  "message.edited",
  "message.reacted",
  "chat.renamed",
  "chat.pictured",
  "chat.muted",
  "login-name.taken",
  "user.revoked",
  "contact.changed",
  "contact.blocked",
  "profile.changed",
  "phone.changed",
  "session.ended",
] as const satisfies readonly EventType[];

export function createHub({ log }: { log: Log }): Hub {
  /** Most users have one client, and a Set of one would be most of its memory. */
  const sinksOf = new Map<UserId, Sink | Set<Sink>>();
  const listeners: ((presence: Presence) => void)[] = [];
  /** A number is given on first use. */
  const connectionIds = new WeakMap<Sink, number>();
  let lastConnectionId = 0;
  let sinkCount = 0;

  function attach(sink: Sink): void {
    const { userId } = sink;
    const there = sinksOf.get(userId);
    if (there === sink || (there instanceof Set && there.has(sink))) return;
    sinkCount += 1;
    if (there instanceof Set) there.add(sink);
    else if (there !== undefined) sinksOf.set(userId, new Set([there, sink]));
    else {
      sinksOf.set(userId, sink);
      announce({ userId, online: true });
    }
  }

  function detach(sink: Sink): void {
    const { userId } = sink;
    const there = sinksOf.get(userId);
    if (there instanceof Set ? !there.delete(sink) : there !== sink) return;
    sinkCount -= 1;
    if (there instanceof Set && there.size > 0) return;
    sinksOf.delete(userId);
    announce({ userId, online: false });
  }

  function announce(presence: Presence): void {
    for (const listener of listeners) {
      try {
        listener(presence);
      } catch (error) {
        log.error("a presence listener failed", { userId: presence.userId, error });
      }
    }
  }

  function publish(event: DomainEvent): void {
    for (const userId of event.to) {
      const sinks = sinksOf.get(userId);
      if (sinks instanceof Set) for (const sink of sinks) deliver(sink, event);
      else if (sinks !== undefined) deliver(sinks, event);
    }
  }

  function deliver(sink: Sink, event: DomainEvent): void {
    try {
      sink.deliver(event);
    } catch (error) {
      log.error("a sink failed and was detached", { userId: sink.userId, event: event.type, error });
      giveUp(sink);
    }
  }

  function connectionIdOf(sink: Sink): number {
    const known = connectionIds.get(sink);
    if (known !== undefined) return known;
    lastConnectionId += 1;
    connectionIds.set(sink, lastConnectionId);
    return lastConnectionId;
  }

  function clientsOf(userId: UserId): ConnectedClient[] {
    const sinks = sinksOf.get(userId);
    const all = sinks instanceof Set ? [...sinks] : sinks === undefined ? [] : [sinks];
    return all.flatMap((sink) => {
      const client = sink.client?.();
      return client === undefined ? [] : { ...client, connectionId: connectionIdOf(sink) };
    });
  }

  /** A sink that threw may throw here too; the other recipients of the event still get it. */
  function giveUp(sink: Sink): void {
    detach(sink);
    try {
      sink.detached?.();
    } catch (error) {
      log.error("a sink failed on being detached", { userId: sink.userId, error });
    }
  }

  return {
    attach,
    detach,
    publish,
    clientsOf,
    connectionIdOf,
    isOnline: (userId) => sinksOf.has(userId),
    onPresence: (listener) => listeners.push(listener),
    size: () => ({ users: sinksOf.size, sinks: sinkCount }),
  };
}
