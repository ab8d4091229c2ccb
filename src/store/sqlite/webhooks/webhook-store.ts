/** Webhooks and the logs they read, on SQLite. */

import type { Database } from "bun:sqlite";
import type { ChatId, EventId, Message, StoredEvent, UserId } from "../../../domain/model.ts";
import type {
  DeadLetter,
  LoggedChange,
  LoggedEvent,
  Webhook,
  WebhookKind,
  WebhookPlace,
  WebhookStore,
} from "../../../domain/webhooks/webhook-store.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { MembersBody } from "../chats/chat-parts.ts";
import type { MessageReads } from "../messages/message-reader.ts";
import { type StoredMessageRow, storedMessageColumns } from "../messages/stored-message.ts";
import type { Submit } from "../submit.ts";

const logBytesMax = 1024 * 1024;

type WebhookRow = Omit<Webhook, "kinds"> & { readonly kinds: string };

interface EventRow {
  readonly eventId: number;
  readonly type: "entered" | "left" | LoggedChange["type"];
  readonly chatId: number;
  readonly body: string;
  readonly afterMessageId: number;
  readonly createdAtMs: number;
}

export function createWebhookStore(
  db: Database,
  { submit, toMessages }: { submit: Submit } & Pick<MessageReads, "toMessages">,
): WebhookStore {
  /** Prepared together, by the first that is used. */
  const statements = lazily(() => ({
    all: db.prepare<WebhookRow, []>(
      "SELECT name, url, secret, kinds, message_id messageId, event_id eventId, created_at_ms createdAtMs FROM webhooks ORDER BY name",
    ),
    places: db.prepare<WebhookPlace, [string]>(
      `SELECT chat_id chatId, message_id messageId, event_id eventId, attempts, failing_since_ms failingSinceMs,
       next_at_ms nextAtMs, problem FROM webhook_places WHERE webhook = ?`,
    ),
    letters: db.prepare<DeadLetter, [string, number, number]>(
      `SELECT letter_id letterId, chat_id chatId, kind, message_id messageId, event_id eventId, problem,
       given_up_at_ms givenUpAtMs FROM webhook_dead_letters WHERE webhook = ? AND letter_id > ? ORDER BY letter_id LIMIT ?`,
    ),
    log: db.prepare<StoredMessageRow, [number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE message_id > ? ORDER BY message_id LIMIT ?`,
    ),
    logOf: db.prepare<StoredMessageRow, [number, number, number]>(
      `SELECT ${storedMessageColumns} FROM messages WHERE chat_id = ?1 AND seq >
       coalesce((SELECT seq FROM messages WHERE chat_id = ?1 AND message_id <= ?2 ORDER BY seq DESC LIMIT 1), 0)
       ORDER BY seq LIMIT ?3`,
    ),
    events: db.prepare<EventRow, [number, number]>(
      `SELECT ${eventColumns} FROM webhook_events WHERE event_id > ? ORDER BY event_id LIMIT ?`,
    ),
    // Ids and seqs of a chat rise together, so the index by seq is walked from where the id begins.
    eventsOf: db.prepare<EventRow, [number, number, number]>(
      `SELECT ${eventColumns} FROM webhook_events WHERE chat_id = ? AND event_id > ? ORDER BY event_id LIMIT ?`,
    ),
  }));
  const eventColumns =
    "event_id eventId, type, chat_id chatId, body, after_message_id afterMessageId, created_at_ms createdAtMs";

  const list = (): Webhook[] =>
    statements()
      .all.all()
      .map((row) => ({ ...row, kinds: JSON.parse(row.kinds) as WebhookKind[] }));

  return {
    async putWebhook(webhook) {
      await submit("putWebhook", webhook);
      const stored = list().find(({ name }) => name === webhook.name);
      if (stored === undefined) throw new Error("a webhook cannot be read back");
      return stored;
    },
    removeWebhook: (name) => submit("removeWebhook", { name }).then((removed) => removed),
    listWebhooks: async () => list(),
    saveWebhook: (progress) => submit("saveWebhook", progress).then(() => {}),
    rewindWebhook: (name, offset) => submit("rewindWebhook", { name, ...offset }).then(() => {}),
    webhookPlaces: async (name) => statements().places.all(name),
    deadLetters: async (name, { after, limit }) => statements().letters.all(name, after, limit),
    messageLog: async (after, limit): Promise<Message[]> =>
      toMessages(upToBytes(statements().log.iterate(after, limit)), undefined),
    messageLogOf: async (chatId, after, limit): Promise<Message[]> =>
      toMessages(upToBytes(statements().logOf.iterate(chatId, after, limit)), undefined),
    eventLog: async (after, limit, chatId): Promise<LoggedEvent[]> =>
      (chatId === undefined
        ? statements().events.all(after, limit)
        : statements().eventsOf.all(chatId, after, limit)
      ).map(toEvent),
  };
}

function toEvent({ eventId, type, chatId, body, afterMessageId, createdAtMs }: EventRow): LoggedEvent {
  if (type !== "entered" && type !== "left") {
    const change = JSON.parse(body) as Omit<LoggedChange, "type" | "eventId" | "chatId">;
    return { event: { ...change, type, eventId: eventId as EventId, chatId: chatId as ChatId }, afterMessageId };
  }
  const event: StoredEvent = {
    eventId: eventId as EventId,
    userId: 0 as UserId,
    type,
    chatId: chatId as ChatId,
    ...(JSON.parse(body) as MembersBody),
    createdAtMs,
  };
  return { event, afterMessageId };
}

/** One at least. */
function upToBytes(all: Iterable<StoredMessageRow>): StoredMessageRow[] {
  const rows: StoredMessageRow[] = [];
  let bytes = 0;
  for (const row of all) {
    rows.push(row);
    bytes += row.content?.length ?? 0;
    if (bytes >= logBytesMax) break;
  }
  return rows;
}
