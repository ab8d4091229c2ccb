/** Changes to webhooks, and the log of chats' events that they read beside the messages. */
import { DomainError } from "../../../domain/errors.ts";
import { type LoggedChange, type WebhookProgress, webhooksMax } from "../../../domain/webhooks/webhook-store.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";

/** Older events are forgotten, fetched or not. */
const eventKeptMs = 30 * 86_400_000;
const sweepEvery = 256;
const deadLettersMax = 10_000;

export function createWebhookChanges(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare(
    `INSERT INTO webhooks (name, url, secret, kinds, message_id, event_id, created_at_ms)
     VALUES (?1, ?2, ?3, ?4, ?5, (SELECT coalesce(max(event_id), 0) FROM webhook_events), ?6)
     ON CONFLICT DO UPDATE SET url = excluded.url, secret = excluded.secret, kinds = excluded.kinds`,
  );
  const count = db.prepare<{ n: number }, [string]>("SELECT count(*) n FROM webhooks WHERE name <> ?");
  const remove = db.prepare("DELETE FROM webhooks WHERE name = ?");
  const move = db.prepare("UPDATE webhooks SET message_id = ?, event_id = ? WHERE name = ?");
  const removePlaces = db.prepare("DELETE FROM webhook_places WHERE webhook = ?");
  const removePlace = db.prepare("DELETE FROM webhook_places WHERE webhook = ? AND chat_id = ?");
  const putPlace = db.prepare(
    `INSERT INTO webhook_places (webhook, chat_id, message_id, event_id, attempts, failing_since_ms, next_at_ms, problem)
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM webhooks WHERE name = ?1)
     ON CONFLICT DO UPDATE SET message_id = ?3, event_id = ?4, attempts = ?5, failing_since_ms = ?6, next_at_ms = ?7, problem = ?8`,
  );
  const addLetter = db.prepare(
    `INSERT INTO webhook_dead_letters (webhook, chat_id, kind, message_id, event_id, problem, given_up_at_ms)
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM webhooks WHERE name = ?1)`,
  );
  const trimLetters = db.prepare(
    `DELETE FROM webhook_dead_letters WHERE webhook = ?1 AND letter_id <=
     (SELECT letter_id FROM webhook_dead_letters WHERE webhook = ?1 ORDER BY letter_id DESC LIMIT 1 OFFSET ?2)`,
  );

  function putWebhook(webhook: { name: string; url: string; secret: string; kinds: readonly string[] }): null {
    if ((count.get(webhook.name)?.n ?? 0) >= webhooksMax)
      throw new DomainError("busy", `at most ${webhooksMax} webhooks`);
    tx.writes += 1;
    const { name, url, secret } = webhook;
    insert.run(name, url, secret, JSON.stringify(webhook.kinds), tx.lastMessageId(), tx.nowMs);
    return null;
  }

  function removeWebhook(args: { name: string }): boolean {
    tx.writes += 1;
    return remove.run(args.name).changes > 0;
  }

  function saveWebhook({ name, offset, places, caughtUp, givenUp }: WebhookProgress): null {
    tx.writes += 1;
    move.run(offset.messageId, offset.eventId, name);
    for (const chatId of caughtUp) removePlace.run(name, chatId);
    for (const place of places) {
      const { chatId, messageId, eventId, attempts, failingSinceMs, nextAtMs, problem } = place;
      putPlace.run(name, chatId, messageId, eventId, attempts, failingSinceMs, nextAtMs, problem);
    }
    for (const { chatId, kind, messageId, eventId, problem } of givenUp) {
      addLetter.run(name, chatId, kind, messageId, eventId, problem, tx.nowMs);
    }
    if (givenUp.length > 0) trimLetters.run(name, deadLettersMax);
    return null;
  }

  function rewindWebhook(args: { name: string; messageId: number; eventId: number }): null {
    tx.writes += 1;
    removePlaces.run(args.name);
    move.run(args.messageId, args.eventId, args.name);
    return null;
  }

  return {
    putWebhook: growing(putWebhook),
    removeWebhook: freeing(removeWebhook),
    saveWebhook: growing(saveWebhook),
    rewindWebhook: growing(rewindWebhook),
  };
}

type LoggedType = "entered" | "left" | LoggedChange["type"];

/** One row for each event of a chat, however many are told of it; none where there is no webhook. */
export function createEventLog(tx: Tx) {
  const { db } = tx;
  const insert = db.prepare<{ eventId: number }, [string, number, string, number, number, number]>(
    `INSERT INTO webhook_events (type, chat_id, body, after_message_id, created_at_ms, kept_since_ms)
     SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM webhooks) RETURNING event_id eventId`,
  );
  const removeOld = db.prepare("DELETE FROM webhook_events WHERE kept_since_ms < ?");
  return {
    append(type: LoggedType, chatId: number, body: string): void {
      tx.writes += 1;
      const row = insert.get(type, chatId, body, tx.lastMessageId(), tx.nowMs, tx.steadyMs);
      if (row !== null && row.eventId % sweepEvery === 0) removeOld.run(tx.steadyMs - eventKeptMs);
    },
  };
}
