/**
 * Webhooks: the URLs to call, and how far each has got. The message log is the queue. A webhook has one position in it,
 * and one more in each chat whose delivery is failing.
 */
import type { SteadyMs } from "../../lib/clock.ts";
import type { ChatId, EventId, Message, MessageId, StoredEvent, UserId } from "../model.ts";

/** A `change` is an edit, a deletion or a reaction. */
export const webhookKinds = ["message", "event", "change"] as const;
export type WebhookKind = (typeof webhookKinds)[number];

/** Everything up to here was delivered: messages by their id, events of chats by theirs. */
export interface WebhookOffset {
  readonly messageId: number;
  readonly eventId: number;
}

export interface Webhook extends WebhookOffset {
  readonly name: string;
  readonly url: string;
  /** The bytes of the signing key. They are stored unhashed, since signing needs them. */
  readonly secret: string;
  readonly kinds: readonly WebhookKind[];
  readonly createdAtMs: number;
}

/** One chat whose delivery failed: its position, and when it is retried. */
export interface WebhookPlace extends WebhookOffset {
  readonly chatId: ChatId;
  readonly attempts: number;
  readonly failingSinceMs: SteadyMs;
  readonly nextAtMs: SteadyMs;
  /** Why delivery failed, without any text of the receiver. */
  readonly problem: string;
}

/** An item that was given up. */
export interface DeadLetter extends WebhookOffset {
  readonly letterId: number;
  readonly chatId: ChatId;
  readonly kind: WebhookKind;
  readonly problem: string;
  readonly givenUpAtMs: number;
}

/** A chat's event or change, with the newest message at that time, which gives its position among the messages. */
export interface LoggedEvent {
  readonly event: StoredEvent | LoggedChange;
  readonly afterMessageId: number;
}

/** What was done to a message. The message itself is read when it is told, so that no former content is kept. */
export interface LoggedChange {
  readonly type: "edited" | "deleted" | "reacted";
  readonly eventId: EventId;
  readonly chatId: ChatId;
  readonly chatKey: string;
  readonly messageId: MessageId;
  readonly seq: number;
  readonly revision: number;
  /** Of a reaction. */
  readonly reaction?: { readonly by: UserId; readonly reaction: string; readonly added: boolean };
}

export const isLoggedChange = (event: LoggedEvent["event"]): event is LoggedChange => "revision" in event;

export interface WebhookProgress {
  readonly name: string;
  readonly offset: WebhookOffset;
  readonly places: readonly WebhookPlace[];
  /** Chats that have caught up with the others. */
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
  /** The same for one chat. */
  messageLogOf(chatId: ChatId, after: number, limit: number): Promise<Message[]>;
  /** Events above `after`, of one chat where `chatId` is given. */
  eventLog(after: number, limit: number, chatId?: ChatId): Promise<LoggedEvent[]>;
}

export interface WebhookStore extends WebhookReads {
  /** A new webhook begins at the end of the log; an existing one keeps its position. */
  putWebhook(webhook: Pick<Webhook, "name" | "url" | "secret" | "kinds">): Promise<Webhook>;
  /** False where there was none. */
  removeWebhook(name: string): Promise<boolean>;
  saveWebhook(progress: WebhookProgress): Promise<void>;
  /** Restarts delivery after `offset`, in every chat. */
  rewindWebhook(name: string, offset: WebhookOffset): Promise<void>;
}

export const webhooksMax = 100;

/** What a door that manages webhooks uses. */
export interface WebhookKeeper {
  /**
   * Gives why a URL may not be called, by its name and by the addresses that the name has now; undefined where it may. A
   * name that cannot be resolved now may have an address later.
   */
  refusalOf(url: string): Promise<string | undefined>;
  /** Without `secret` an existing webhook keeps its secret and a new one gets a generated one. */
  put(webhook: Pick<Webhook, "name" | "url" | "kinds"> & { readonly secret: string | undefined }): Promise<Webhook>;
  /** False where there was none. */
  remove(name: string): Promise<boolean>;
  list(): Promise<Webhook[]>;
  rewind(name: string, offset: WebhookOffset): Promise<void>;
  places(name: string): Promise<WebhookPlace[]>;
  deadLetters(name: string, page: { after: number; limit: number }): Promise<DeadLetter[]>;
}
