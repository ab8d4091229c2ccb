/** Batches of messages and statuses in the store, and the recipients of a message. */

import type { Database } from "bun:sqlite";
import type { Exchange, Exchanged, ExchangeStore } from "../../../domain/messages/exchange-store.ts";
import type { DeletedMessage, DeviceId, MessageId, UserId } from "../../../domain/model.ts";
import { personCondition } from "../../../domain/people/kinds.ts";
import { lazily } from "../../../lib/lazily.ts";
import type { Submit } from "../submit.ts";
import type { WireAddressed, WireExchange, WireExchanged } from "./exchange-changes.ts";
import { toAddressees } from "./revisions.ts";
import { sentMessage } from "./stored-message.ts";

export function createExchangeStore(db: Database, submit: Submit): ExchangeStore {
  const addressees = lazily(() =>
    db.prepare<{ guid: string }, [number, number]>(
      `SELECT coalesce(d.guid, u.guid) guid FROM message_texts t JOIN users u ON u.user_id = t.user_id
       LEFT JOIN devices d ON d.device_id = t.device_id WHERE t.message_id = ? LIMIT ?`,
    ),
  );
  const otherMembers = lazily(() =>
    db.prepare<{ guid: string }, [number, number, number]>(
      `SELECT u.guid FROM members m JOIN users u ON u.user_id = m.user_id AND u.${personCondition}
       WHERE m.chat_id = ? AND m.user_id <> ? LIMIT ?`,
    ),
  );

  const replaced = lazily(() =>
    db.prepare<{ oldMessageId: number }, [number]>(
      "SELECT old_message_id oldMessageId FROM message_edits WHERE message_id = ?",
    ),
  );

  return {
    exchange: (exchange) =>
      // One turn, as every change: messages are published in the order of their commits.
      submit(exchange.messages.length === 0 ? "confirmStatuses" : "exchange", toWire(exchange)).then(same),
    addressing: async ({ messageId, chatId, senderId, addressed }, limit) => {
      const rows =
        addressed === undefined ? otherMembers().all(chatId, senderId, limit) : addressees().all(messageId, limit);
      const old = addressed === undefined ? undefined : replaced().get(messageId)?.oldMessageId;
      return { recipients: rows.map(({ guid }) => guid), oldMessageId: old as MessageId | undefined };
    },
  };
}

const toWire = ({ from, messages, confirmations }: Exchange): WireExchange => ({
  userId: from.userId,
  deviceId: from.deviceId ?? null,
  messages,
  confirmations: confirmations.map(({ of, status }) => ({ ...of, status })),
});

/** What came of a batch, in the domain's words. */
export const toExchanged = (batch: WireExchange, outcome: WireExchanged): Exchanged => ({
  messages: outcome.messages.map((wire, index) => toMessage(wire, batch, index)),
  notified: [...new Set(outcome.told)] as UserId[],
});

const same = <Value>(value: Value): Value => value;

function toMessage(wire: WireAddressed, { userId, messages }: WireExchange, index: number) {
  const draft = messages[index];
  const { messageId, seq, sentAtMs, chatId, chatKey, senderKey, recipients, repeated } = wire;
  const stored = sentMessage(
    { ...draft, from: userId as UserId, type: "text" },
    [messageId, seq, sentAtMs, chatId, chatKey, senderKey],
    "",
  );
  const texts = recipients.map(([recipient, deviceId, text]) => ({
    userId: recipient as UserId,
    deviceId: deviceId === 0 ? undefined : (deviceId as DeviceId),
    text: draft?.texts[text]?.text ?? "",
  }));
  const message = { ...stored, addressed: "to_others" as const, texts };
  if (wire.replaced === undefined) return { repeated, message };
  const { messageId: oldMessageId, seq: oldSeq, revision, addressees, told } = wire.replaced;
  const deleted: DeletedMessage = {
    messageId: oldMessageId as MessageId,
    chatId: stored.chatId,
    chatKey,
    seq: oldSeq,
    senderId: stored.senderId,
    revision,
    addressees: toAddressees(addressees),
  };
  return { repeated, message, replaced: { message: deleted, members: told as UserId[] } };
}
