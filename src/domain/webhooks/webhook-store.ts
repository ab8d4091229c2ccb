/**
 * Webhooks: what is called, and how far each has got. The message log is the queue; a webhook has one place in it, and
 * one more in each chat whose delivery fails just now.
 */
import type { ChatId, Message, StoredEvent } from "../model.ts";

export const webhookKinds = ["message", "event"] as const;
export type WebhookKind = (typeof webhookKinds)[number];

/** Everything up to here was delivered: messages by their id, events of chats by theirs. */
export interface WebhookOffset {
  readonly messageId: number;
  readonly eventId: number;
}

export interface Webhook extends WebhookOffset {
  readonly name: string;
  readonly url: string;
  /** The bytes of the key that signs; kept as they are, since a signature needs them. */
  readonly secret: string;
  readonly kinds: readonly WebhookKind[];
  readonly createdAtMs: number;
}

/** One chat whose delivery failed: where it goes on, and when it is tried again. */
export interface WebhookPlace extends WebhookOffset {
  readonly chatId: ChatId;
  readonly attempts: number;
  readonly failingSinceMs: number;
  readonly nextAtMs: number;
  /** Without anything a stranger wrote. */
  readonly problem: string;
}

/** What was given up. */
export interface DeadLetter extends WebhookOffset {
  readonly letterId: number;
  readonly chatId: ChatId;
  readonly kind: WebhookKind;
  readonly problem: string;
  readonly givenUpAtMs: number;
}

/** A chat's event, with the newest message when it came: so its place among the messages is known. */
export interface LoggedEvent {
  readonly event: StoredEvent;
  readonly afterMessageId: number;
}

export interface WebhookProgress {
  readonly name: string;
  readonly offset: WebhookOffset;
  readonly places: readonly WebhookPlace[];
  /** Chats that are in step again. */
  readonly caughtUp: readonly ChatId[];
  readonly givenUp: readonly Omit<DeadLetter, "letterId" | "givenUpAtMs">[];
}

export interface WebhookReads {
  listWebhooks(): Promise<Webhook[]>;
  webhookPlaces(name: string): Promise<WebhookPlace[]>;
  /** The oldest first, from the first one above `after`. */
  deadLetters(name: string, page: { after: number; limit: number }): Promise<DeadLetter[]>;
  /** Messages of all chats with an id above `after`, ascending; fewer where they are large. */
  messageLog(after: number, limit: number): Promise<Message[]>;
  /** Those of one chat. */
  messageLogOf(chatId: ChatId, after: number, limit: number): Promise<Message[]>;
  /** Events above `after`, of one chat where it is given. */
  eventLog(after: number, limit: number, chatId?: ChatId): Promise<LoggedEvent[]>;
}

export interface WebhookStore extends WebhookReads {
  /** Made at the end of the log; one that is there keeps its place. */
  putWebhook(webhook: Pick<Webhook, "name" | "url" | "secret" | "kinds">): Promise<Webhook>;
  /** False where there was none. */
  removeWebhook(name: string): Promise<boolean>;
  saveWebhook(progress: WebhookProgress): Promise<void>;
  /** Begins again behind `offset`, in every chat. */
  rewindWebhook(name: string, offset: WebhookOffset): Promise<void>;
}

export const webhooksMax = 100;

/** What a door that manages webhooks asks for. */
export interface WebhookKeeper {
  /** Why a URL may not be called; undefined where it may, as far as its name tells. */
  refusalOf(url: string): string | undefined;
  /** Without `secret` that of before, else a new one. */
  put(webhook: Pick<Webhook, "name" | "url" | "kinds"> & { readonly secret: string | undefined }): Promise<Webhook>;
  /** False where there was none. */
  remove(name: string): Promise<boolean>;
  list(): Promise<Webhook[]>;
  rewind(name: string, offset: WebhookOffset): Promise<void>;
  places(name: string): Promise<WebhookPlace[]>;
  deadLetters(name: string, page: { after: number; limit: number }): Promise<DeadLetter[]>;
}
