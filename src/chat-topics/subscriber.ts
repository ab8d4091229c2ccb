/**
 * One MQTT session of a user as a sink of the hub. Its `chat/…` filters are not in the broker's tree: they say which of
 * the user's messages this session receives. A session that outlives its connection is a device with a position of its
 * own, which the client's PUBACKs move. Any other session receives only what is sent while it is connected and
 * subscribed.
 */

import type { Account } from "../access/accounts.ts";
import { Feed } from "../delivery/feed.ts";
import type { Hub, Sink } from "../delivery/hub.ts";
import { inlineFileBytesMax } from "../delivery/shapes.ts";
import type { Domain } from "../domain/domain.ts";
import type { DomainEvent } from "../domain/events.ts";
import { parseChatKey } from "../domain/keys.ts";
import { isHidden } from "../domain/messages/addressed.ts";
import type { ChatId, DeviceId, Message, UserId } from "../domain/model.ts";
import type { Client } from "../domain/people/log-ins.ts";
import type { Log } from "../lib/log.ts";
import type { Deliverer, ServiceSession } from "../mqtt/service.ts";
import { publishOf } from "./push.ts";
import type { ChatFilter } from "./topic-names.ts";

interface Delivery {
  readonly chatId: ChatId;
  readonly seq: number;
  acknowledged: boolean;
}

type Qos = 0 | 1;

export const revoked = "the account was revoked";

export interface SubscriberParts {
  readonly domain: Domain;
  readonly hub: Hub;
  readonly log: Log;
  /** Called when the account or the log-in has ended. */
  ended(session: ServiceSession<Account>, why: string): void;
}

class Listening {
  /** By filter: what each filter asks for. */
  readonly filters = new Map<string, { readonly chat: ChatFilter; readonly qos: Qos }>();
  /**
   * Messages handed to the session and not yet confirmed, in the order in which they were handed over, by message id.
   */
  readonly deliveries = new Map<number, Delivery>();
  /** What the previous connection left unconfirmed. Each holds its packet id until it is sent again or dropped. */
  readonly leftOver = new Set<number>();
  feed: Feed | undefined;
  deviceId: DeviceId | undefined;
  starting = false;
}

export class Subscriber implements Sink, Deliverer {
  readonly userId: UserId;
  readonly #session: ServiceSession<Account>;
  readonly #parts: SubscriberParts;
  /** Made with the first filter: most connections only publish. */
  #listening: Listening | undefined;

  constructor(session: ServiceSession<Account>, userId: UserId, parts: SubscriberParts) {
    this.#session = session;
    this.userId = userId;
    this.#parts = parts;
  }

  /** The client is connected; from now on the user is online. */
  open(): void {
    this.#parts.hub.attach(this);
  }

  subscribe(filter: string, chat: ChatFilter, qos: Qos): void {
    this.#listening ??= new Listening();
    const listening = this.#listening;
    listening.filters.set(filter, { chat, qos });
    if (listening.feed !== undefined || listening.starting) return;
    listening.starting = true;
    // All filters of one SUBSCRIBE, or of a stored session, are known before the first message is matched.
    setImmediate(() => void this.#start(listening));
  }

  unsubscribe(filter: string): void {
    const filters = this.#listening?.filters;
    if (filters?.delete(filter) !== true || filters.size > 0) return;
    this.#stopFeed();
    void this.endDevice();
  }

  /** The connection is gone. What it had not confirmed is offered again, from the position on. */
  close(): void {
    this.#parts.hub.detach(this);
    this.#stopFeed();
    if (this.#listening === undefined) return;
    const { filters, deliveries, leftOver } = this.#listening;
    filters.clear();
    for (const ref of deliveries.keys()) leftOver.add(ref);
    deliveries.clear();
  }

  client(): Client {
    const { principal, clientId, address } = this.#session;
    return {
      door: "mqtt",
      name: clientId,
      address,
      tokenId: principal.tokenId,
      phoneSessionId: principal.phoneLogin?.session?.sessionId,
      end: () => this.#parts.ended(this.#session, "the log-in was ended"),
    };
  }

  detached(): void {
    this.#session.close("delivery failed");
  }

  deliver(event: DomainEvent): void {
    if (event.type === "message.sent") this.#listening?.feed?.offer(event.message);
    else if (event.type === "message.deleted") this.#listening?.feed?.deleted(event.message);
    else if (event.type === "user.revoked") this.#parts.ended(this.#session, revoked);
  }

  writable(): void {
    this.#listening?.feed?.resume();
  }

  acknowledged(ref: number): void {
    if (this.#listening === undefined) return;
    const delivery = this.#listening.deliveries.get(ref);
    if (delivery === undefined) return;
    delivery.acknowledged = true;
    this.#moveOn(this.#listening);
  }

  #moveOn({ deliveries, deviceId }: Listening): void {
    // The position means "everything up to here", so it waits for the oldest delivery.
    for (const [first, oldest] of deliveries) {
      if (!oldest.acknowledged) return;
      deliveries.delete(first);
      this.#parts.domain.deliveries.delivered(this.userId, deviceId, oldest.chatId, oldest.seq);
    }
  }

  /** The session will not return, so its position is removed. */
  async endDevice(): Promise<void> {
    if (this.#session.storedId === undefined) return;
    if (this.#listening !== undefined) this.#listening.deviceId = undefined;
    try {
      await this.#parts.domain.store.endDevice(this.#device());
    } catch (error) {
      this.#parts.log.warn("a device's position could not be removed", { userId: this.userId, error });
    }
  }

  async #start(listening: Listening): Promise<void> {
    try {
      const persistent = this.#session.storedId !== undefined;
      if (persistent) {
        const { deliveries, store } = this.#parts.domain;
        // What the previous connection confirmed may still be gathered; the position read next must include it.
        [listening.deviceId] = await Promise.all([store.openDevice(this.#device()), deliveries.flush()]);
      }
      listening.starting = false;
      if (!this.#session.connected || listening.filters.size === 0) return;
      listening.feed = new Feed({
        store: this.#parts.domain.store,
        userId: this.userId,
        deviceId: listening.deviceId,
        from: persistent ? "position" : "now",
        inlineBytesMax: inlineFileBytesMax,
        emit: (messages) => this.#emit(listening, messages),
        caughtUp: () => this.#giveUpLeftOver(listening),
        failed: (error) => this.#fail(error),
      });
      listening.feed.start();
    } catch (error) {
      listening.starting = false;
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#parts.log.error("messages could not be read for a session", { userId: this.userId, error });
    this.#session.close("messages could not be read");
  }

  #stopFeed(): void {
    if (this.#listening === undefined) return;
    this.#listening.feed?.end();
    this.#listening.feed = undefined;
  }

  #device() {
    return { userId: this.userId, door: "mqtt", name: this.#session.clientId } as const;
  }

  #emit(listening: Listening, messages: readonly Message[]): number {
    let taken = 0;
    for (const message of messages) {
      if (!this.#hand(listening, message)) break;
      taken += 1;
    }
    return taken;
  }

  /** False where the session has no room now. */
  #hand(listening: Listening, message: Message): boolean {
    const { messageId, chatId, seq } = message;
    const { deliveries, leftOver, deviceId } = listening;
    if (isHidden(message)) {
      // In order: an earlier message may not be acknowledged yet.
      deliveries.set(messageId, { chatId, seq, acknowledged: true });
      this.#moveOn(listening);
      return true;
    }
    const match = message.kind === "deleted" ? undefined : this.#matching(listening, message);
    if (match === undefined) {
      if (deviceId !== undefined) this.#parts.domain.deliveries.passedOver(this.userId, deviceId, chatId, seq);
      return true;
    }
    deliveries.set(messageId, { chatId, seq, acknowledged: false });
    if (this.#session.deliver(publishOf(message, match.name), match.qos, messageId) === "full") {
      deliveries.delete(messageId);
      return false;
    }
    leftOver.delete(messageId);
    return true;
  }

  /**
   * Gives the name and the QoS at which this session wants a message: once, however many filters match [MQTT-3.3.5-1].
   */
  #matching({ filters }: Listening, message: Message): { name: string; qos: Qos } | undefined {
    const alias = aliasOf(message.chatKey, this.userId);
    let name: string | undefined;
    let qos: Qos = 0;
    for (const filter of filters.values()) {
      const { chat } = filter;
      if (chat.wants === "nothing") continue;
      if (chat.wants === "one" && chat.chatKey !== message.chatKey && chat.chatKey !== alias) continue;
      if (chat.wants === "one") name = chat.chatKey;
      else name ??= message.chatKey;
      if (filter.qos > qos) qos = filter.qos;
    }
    return name === undefined ? undefined : { name, qos };
  }

  /**
   * Refs of the previous connection that were not offered again (the user left the chat, or the filter was removed)
   * free their packet ids.
   */
  #giveUpLeftOver({ leftOver }: Listening): void {
    for (const ref of leftOver) this.#session.forget(ref);
    leftOver.clear();
  }
}

/** A user's direct chat with another user is also `user.<userId>`. */
function aliasOf(chatKey: string, userId: UserId): string | undefined {
  if (!chatKey.startsWith("direct.")) return undefined;
  const pair = parseChatKey(chatKey);
  if (pair === undefined || !("low" in pair)) return undefined;
  return `user.${pair.low === userId ? pair.high : pair.low}`;
}
