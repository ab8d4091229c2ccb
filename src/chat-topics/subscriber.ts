/**
 * One MQTT session of a user as a sink of the hub, in one form (`chat-form.ts`). Its filters are not in the broker's tree: they say which of
 * the user's messages this session receives. A session that outlives its connection is a device with a position of its
 * own, which the client's PUBACKs move. Any other session receives only what is sent while it is connected and
 * subscribed.
 */

import type { Account } from "../access/accounts.ts";
import {
  type ChatFilter,
  type ChatForm,
  type ChatHearing,
  type ChatPlace,
  type Heard,
  nameAsked,
  type PresenceFilter,
} from "../access/chat-form.ts";
import { Feed } from "../delivery/feed.ts";
import type { Hub, Sink } from "../delivery/hub.ts";
import type { PresenceNews } from "../delivery/presence.ts";
import type { Receipts } from "../delivery/receipts.ts";
import { inlineFileBytesMax } from "../delivery/shapes.ts";
import type { Domain } from "../domain/domain.ts";
import type { DomainEvent, EventOf } from "../domain/events.ts";
import type { ChatId, DeviceId, Message, UserId } from "../domain/model.ts";
import { chatReachOf } from "../domain/people/chat-reach.ts";
import type { Client } from "../domain/people/log-ins.ts";
import { topicNeeds } from "../domain/people/scope-rules.ts";
import type { Log } from "../lib/log.ts";
import type { Deliverer, ServiceSession } from "../mqtt/service.ts";
import { ChangeWriter } from "./change-writer.ts";
import { PresenceWriter } from "./presence-writer.ts";
import { ReceiptWriter } from "./receipt-writer.ts";
import { opensAll, type Standing } from "./standing.ts";
import { TypingWriter } from "./typing-writer.ts";

interface Delivery {
  readonly chatId: ChatId;
  readonly seq: number;
}

type Qos = 0 | 1;

export const revoked = "the account was revoked";

export interface SubscriberParts {
  readonly domain: Domain;
  readonly hub: Hub;
  readonly receipts: Pick<Receipts, "listen">;
  readonly presence: Pick<PresenceNews, "listen" | "current">;
  readonly log: Log;
  readonly form: ChatForm;
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
  /** While a filter asks for receipts. */
  receipts: { readonly writer: ReceiptWriter; end(): void } | undefined;
  /** While a filter asks for changes. */
  changes: ChangeWriter | undefined;
  /** Once a filter asked for presence. */
  presence: PresenceWriter | undefined;
  /** While a filter asks for typing. */
  typing: TypingWriter | undefined;
  deviceId: DeviceId | undefined;
  starting: Promise<void> | undefined;
  /** In a new session, how many messages wait; until the first one has said it. */
  waiting: number | undefined;

  hears(topic: Heard): boolean {
    return this.filters.values().some(({ chat }) => chat.wants !== "nothing" && chat.hears.includes(topic));
  }
}

export class Subscriber implements Sink, Deliverer, ChatHearing {
  readonly userId: UserId;
  readonly #session: ServiceSession<Account>;
  readonly #limits: Standing["limits"];
  readonly #parts: SubscriberParts;
  /** Made with the first filter: most connections only publish. */
  #listening: Listening | undefined;
  /** Hears in another form on the same session. */
  #beside: Subscriber | undefined;

  constructor(session: ServiceSession<Account>, { userId, limits }: Standing, parts: SubscriberParts) {
    this.#session = session;
    this.#limits = limits;
    this.userId = userId;
    this.#parts = parts;
  }

  /** The one that hears in this form on the same session: the same one each time. */
  in(form: ChatForm): Subscriber {
    if (form === this.#parts.form) return this;
    this.#beside ??= new Subscriber(
      this.#session,
      { userId: this.userId, limits: this.#limits },
      { ...this.#parts, form },
    );
    return this.#beside;
  }

  /** The client is connected; from now on the user is online. */
  open(): void {
    this.#parts.hub.attach(this);
  }

  subscribe(filter: string, asked: { chat: ChatFilter; presence: PresenceFilter }, qos: Qos): void {
    this.#listening ??= new Listening();
    const listening = this.#listening;
    listening.filters.set(filter, { chat: this.#opened(asked.chat), qos });
    if (listening.receipts === undefined && listening.hears("receipts")) this.#hearReceipts(listening);
    if (listening.changes === undefined && listening.hears("changes")) this.#hearChanges(listening);
    if (listening.typing === undefined && listening.hears("typing")) this.#hearTyping(listening);
    this.#hearPresence(listening, filter, asked.presence);
    if (listening.feed !== undefined || listening.starting !== undefined || !listening.hears("messages")) return;
    // All filters of one SUBSCRIBE, or of a stored session, are known before the first message is matched.
    listening.starting = new Promise((resolve) => setImmediate(resolve)).then(() => this.#start(listening));
  }

  /** Resolves when messages are heard, those sent from now on at least. */
  async started(): Promise<void> {
    await this.#listening?.starting;
  }

  /** A token with scopes, and a device, are opened some of what a filter asks for. */
  #opened(chat: ChatFilter): ChatFilter {
    if (this.#limits.length === 0 || chat.wants === "nothing") return chat;
    return { ...chat, hears: chat.hears.filter((topic) => opensAll(this.#limits, topicNeeds.hears[topic])) };
  }

  unsubscribe(filter: string): void {
    const listening = this.#listening;
    const heardMessages = listening?.hears("messages");
    if (listening?.filters.delete(filter) !== true) return;
    if (!listening.hears("receipts")) this.#stopReceipts(listening);
    if (!listening.hears("changes")) this.#stopChanges(listening);
    if (!listening.hears("typing")) listening.typing = undefined;
    listening.presence?.unsubscribe(filter);
    if (heardMessages !== true || listening.hears("messages")) return;
    this.#stopFeed();
    void this.endDevice();
  }

  /** The device as which the session reads, where it is one. */
  get deviceId(): DeviceId | undefined {
    return this.#listening?.deviceId;
  }

  /** The client read everything in the chat up to `seq`; what of it waits needs no handing over any more. */
  readThrough(chatId: ChatId, seq: number): void {
    this.#listening?.receipts?.writer.known.read(chatId, seq);
    this.#listening?.feed?.confirmedThrough(chatId, seq);
  }

  #hearReceipts(listening: Listening): void {
    const writer = new ReceiptWriter({
      userId: this.userId,
      session: this.#session,
      nameOf: (chat) => this.#matching(listening, "receipts", chat)?.name,
      packetsOf: (receipts, chat, name) => this.#parts.form.receipts(this.#session, receipts, chat, name),
    });
    listening.receipts = { writer, end: this.#parts.receipts.listen(this.userId) };
  }

  #hearChanges(listening: Listening): void {
    const { edits } = this.#parts.domain;
    const reader = () => ({ userId: this.userId, deviceId: listening.deviceId });
    listening.changes = new ChangeWriter({
      reader,
      session: this.#session,
      nameOf: (chat) => this.#matching(listening, "changes", chat)?.name,
      packetOf: (change, name) => this.#parts.form.change(this.#session, change, name),
      changesAfter: (chatId, after, limit) =>
        edits.changesAfter(reader(), {
          chat: { id: chatId },
          after,
          limit,
          inlineBytesMax: inlineFileBytesMax,
          bytesMax: 1,
        }),
      failed: (error) => this.#fail(error),
    });
  }

  #stopChanges(listening: Listening): void {
    listening.changes?.end();
    listening.changes = undefined;
  }

  #hearPresence(listening: Listening, filter: string, asked: PresenceFilter): void {
    if (asked.wants === "nothing" || !opensAll(this.#limits, topicNeeds.presence)) return;
    listening.presence ??= new PresenceWriter({
      userId: this.userId,
      session: this.#session,
      news: this.#parts.presence,
      showsNow: this.#parts.form.showsPresence,
      packetOf: (shown, retained) => this.#parts.form.presence(this.#session, shown, retained),
      failed: (error) => this.#fail(error),
    });
    listening.presence.subscribe(filter, asked);
  }

  #hearTyping(listening: Listening): void {
    listening.typing = new TypingWriter(this.#session, {
      nameOf: (chat) => this.#matching(listening, "typing", chat)?.name,
      packetOf: (typing, name) => this.#parts.form.typing(this.#session, typing, name),
    });
  }

  #stopReceipts(listening: Listening): void {
    listening.receipts?.end();
    listening.receipts = undefined;
  }

  /** The connection is gone. What it had not confirmed is offered again, from the position on. */
  close(): void {
    this.#parts.hub.detach(this);
    this.#stopFeed();
    if (this.#listening === undefined) return;
    this.#stopReceipts(this.#listening);
    this.#stopChanges(this.#listening);
    this.#listening.typing = undefined;
    this.#listening.presence?.end();
    const { filters, deliveries, leftOver } = this.#listening;
    filters.clear();
    for (const ref of deliveries.keys()) leftOver.add(ref);
    deliveries.clear();
  }

  /** A session has one such sink at any rate; the other forms add nothing but what is told. */
  get #isFirst(): boolean {
    return this.#parts.form.sign === 1;
  }

  client(): Client | undefined {
    if (!this.#isFirst) return undefined;
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
    else if (event.type === "receipts.told") this.#listening?.receipts?.writer.tell(event);
    else if (event.type === "chat.typing") this.#hearOf(event);
    else if (event.type === "message.edited") this.#listening?.feed?.edited(event.message);
    else if (event.type === "message.deleted") this.#listening?.feed?.deleted(event.message);
    if (event.type === "message.edited" || event.type === "message.deleted" || event.type === "message.reacted") {
      this.#listening?.changes?.tell(event);
    } else if (event.type === "user.revoked" && this.#isFirst) this.#parts.ended(this.#session, revoked);
  }

  #hearOf({ typing, by }: EventOf<"chat.typing">): void {
    if (by !== this.#session) this.#listening?.typing?.tell(typing);
  }

  writable(): void {
    this.#beside?.writable();
    this.#listening?.feed?.resume();
    this.#listening?.receipts?.writer.writable();
    this.#listening?.changes?.writable();
    this.#listening?.typing?.writable();
    this.#listening?.presence?.writable();
  }

  /** Refs of the other form are its numbers with its sign. */
  acknowledged(signed: number): void {
    const ref = signed * this.#parts.form.sign;
    if (ref < 0) this.#beside?.acknowledged(signed);
    if (ref < 0 || this.#listening === undefined) return;
    const delivery = this.#listening.deliveries.get(ref);
    if (delivery === undefined) return;
    const isOldest = this.#listening.deliveries.keys().next().value === ref;
    this.#listening.deliveries.delete(ref);
    this.#reached(this.#listening, delivery, isOldest);
  }

  /** A position means "everything up to here", so it waits for the oldest delivery. */
  #reached({ deviceId, receipts }: Listening, { chatId, seq }: Delivery, inOrder: boolean): void {
    const { deliveries } = this.#parts.domain;
    if (inOrder) receipts?.writer.known.delivered(chatId, seq);
    if (inOrder) deliveries.delivered(this.userId, deviceId, chatId, seq);
    else deliveries.confirmed(this.userId, deviceId, chatId, seq);
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
      let isNew = false;
      if (persistent) {
        const { deliveries } = this.#parts.domain;
        // What the previous connection confirmed may still be gathered; the position read next must include it.
        const [opened] = await Promise.all([deliveries.openDevice(this.#device()), deliveries.flush()]);
        listening.deviceId = opened.deviceId;
        isNew = opened.isNew;
      }
      listening.starting = undefined;
      if (!this.#session.connected || !listening.hears("messages")) return;
      listening.feed = new Feed({
        store: this.#parts.domain.store,
        userId: this.userId,
        deviceId: listening.deviceId,
        from: persistent ? "position" : "now",
        inlineBytesMax: inlineFileBytesMax,
        begins: (waiting) => {
          listening.waiting = isNew ? waiting : undefined;
        },
        emit: (messages) => this.#emit(listening, messages),
        caughtUp: () => {
          listening.waiting = undefined;
          this.#giveUpLeftOver(listening);
        },
        failed: (error) => this.#fail(error),
      });
      listening.feed.start();
    } catch (error) {
      listening.starting = undefined;
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
    return { userId: this.userId, door: "mqtt", name: this.#parts.form.deviceNameOf(this.#session) } as const;
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
    if (message.kind === "deleted") {
      // It was deleted, or is for others: there is nothing to hand over.
      this.#reached(listening, message, deliveries.size === 0);
      return true;
    }
    const match = this.#reads(message) ? this.#matching(listening, "messages", message) : undefined;
    if (match === undefined) {
      if (deviceId !== undefined) this.#parts.domain.deliveries.passedOver(this.userId, deviceId, chatId, seq);
      return true;
    }
    deliveries.set(messageId, { chatId, seq });
    const { form } = this.#parts;
    const packet = form.message(this.#session, message, match.name, listening.waiting);
    if (this.#session.deliver(packet, match.qos, form.sign * messageId) === "full") {
      deliveries.delete(messageId);
      return false;
    }
    listening.waiting = undefined;
    leftOver.delete(messageId);
    return true;
  }

  /** Whether the client may read the chat. */
  #reads(message: Message): boolean {
    return this.#limits.every(
      (limit) => chatReachOf(limit, this.userId, this.#parts.domain.store)?.opens("read", message) !== false,
    );
  }

  /**
   * Gives the chat's name and the QoS at which this session wants what is told of the chat: once, however many filters match
   * [MQTT-3.3.5-1].
   */
  #matching({ filters }: Listening, topic: Heard, place: ChatPlace): { name: string; qos: Qos } | undefined {
    let name: string | undefined;
    let qos: Qos = 0;
    for (const filter of filters.values()) {
      const { chat } = filter;
      if (chat.wants === "nothing" || !chat.hears.includes(topic)) continue;
      const asked = nameAsked(chat, place, this.userId);
      if (asked === undefined) continue;
      if (name === undefined || chat.wants === "one") name = asked;
      if (filter.qos > qos) qos = filter.qos;
    }
    return name === undefined ? undefined : { name, qos };
  }

  /**
   * Refs of the previous connection that were not offered again (the user left the chat, or the filter was removed)
   * free their packet ids.
   */
  #giveUpLeftOver({ leftOver }: Listening): void {
    for (const ref of leftOver) this.#session.forget(ref * this.#parts.form.sign);
    leftOver.clear();
  }
}
