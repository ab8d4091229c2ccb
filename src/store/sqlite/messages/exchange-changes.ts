/** A batch of one sender: messages with a text per recipient, and statuses. All of it is checked before any is written. */

import { DomainError } from "../../../domain/errors.ts";
import type { ClientStamp } from "../../../domain/model.ts";
import type { ChatParts } from "../chats/chat-parts.ts";
import type { ChatReferences } from "../chats/chat-references.ts";
import type { Status } from "../deliveries/message-statuses.ts";
import type { ConfirmingReader, Moves } from "../deliveries/positions.ts";
import type { ConfirmationParts } from "../deliveries/statuses.ts";
import type { UserEvents } from "../deliveries/user-events.ts";
import { freeing, growing } from "../engine/change.ts";
import { messageBytes, textBytes } from "../engine/disk-usage.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import type { UserParts } from "../people/user-parts.ts";
import type { createMessageChanges } from "./message-changes.ts";
import type { MessageRemoval } from "./message-removal.ts";
import { usersOf, type WireAddressee } from "./revisions.ts";
import { addressedBit, isDeletedRow } from "./stored-message.ts";

export interface WireExchange extends ConfirmingReader {
  readonly messages: readonly (ClientStamp & {
    readonly chatKey: string;
    readonly clientId: string;
    readonly texts: readonly { readonly guid: string; readonly text: string }[];
    readonly oldMessageId?: number | undefined;
  })[];
  readonly confirmations: readonly WireConfirmation[];
}

export interface WireConfirmation {
  readonly messageId?: number;
  readonly eventId?: number;
  readonly status: Status;
}

export interface WireExchanged extends Moves {
  readonly messages: readonly WireAddressed[];
}

export interface WireAddressed {
  readonly messageId: number;
  readonly chatId: number;
  readonly chatKey: string;
  readonly seq: number;
  readonly senderKey: string;
  readonly sentAtMs: number;
  readonly repeated: boolean;
  /** The user, the device (0: all of the user's), and which text of the draft. */
  readonly recipients: readonly (readonly [number, number, number])[];
  /** The message that it stands in for, which is gone now. */
  readonly replaced?: WireReplaced;
}

export interface WireReplaced {
  readonly messageId: number;
  readonly seq: number;
  readonly revision: number;
  readonly addressees: readonly WireAddressee[];
  readonly told: readonly number[];
}

export function createExchangeChanges(
  tx: Tx,
  parts: {
    chats: ChatParts;
    references: ChatReferences;
    people: UserParts;
    messages: ReturnType<typeof createMessageChanges>;
    removal: MessageRemoval;
    confirmations: ConfirmationParts;
    events: UserEvents;
  },
) {
  const { db } = tx;
  const { people, confirmations } = parts;
  const deviceByGuid = db.prepare<{ userId: number; deviceId: number }, [string]>(
    "SELECT user_id userId, device_id deviceId FROM devices WHERE guid = ?",
  );
  const markAddressed = db.prepare(`UPDATE messages SET kind = kind + ${addressedBit} WHERE message_id = ?`);
  const insertText = db.prepare(
    "INSERT INTO message_texts (message_id, user_id, device_id, content) VALUES (?, ?, ?, ?)",
  );
  const message = db.prepare<{ chatId: number; senderId: number; kind: number; seq: number }, [number]>(
    "SELECT chat_id chatId, sender_id senderId, kind, seq FROM messages WHERE message_id = ?",
  );
  const isRepeat = db.prepare<{ one: 1 }, [number, number, string]>(
    "SELECT 1 one FROM messages WHERE sender_id = ? AND chat_id = ? AND client_id = ?",
  );
  const insertEdit = db.prepare("INSERT INTO message_edits (message_id, old_message_id) VALUES (?, ?)");

  function exchange(batch: WireExchange): WireExchanged | "foreign" {
    const sender = tx.sender(batch.userId);
    if (sender === undefined) throw new DomainError("user_not_found");
    if (sender.disabled) throw new DomainError("user_disabled");
    const resolved = batch.messages.map((draft) => {
      const chat = parts.references.memberToWriteIn({ key: draft.chatKey }, batch.userId);
      return { chat, recipients: recipientsOf(draft, chat, batch) };
    });
    for (const [index, { oldMessageId }] of batch.messages.entries()) {
      if (oldMessageId !== undefined && isForeign(oldMessageId, resolved[index]?.chat, batch)) return "foreign";
    }
    if (sender.hasShare) requireRoom(batch, resolved);
    const messages = batch.messages.map((draft, index): WireAddressed => {
      const { chat, recipients = [] } = resolved[index] ?? {};
      if (chat === undefined) throw new Error("a draft was not resolved");
      const { chatId } = chat;
      const appended = parts.messages.appendMessage(
        { ...draft, chat: { id: chatId }, from: batch.userId as never, type: "text", content: "" },
        [],
      );
      const { messageId, seq, sentAtMs, senderKey } = appended;
      const repeated = appended.repeatOf !== undefined;
      let replaced: WireReplaced | undefined;
      if (!repeated) {
        markAddressed.run(messageId);
        chat.addressedSeq = seq;
        if (draft.oldMessageId !== undefined) {
          // Who has it is told what stands in for it; to the others it is as if it had not been for them.
          replaced = replace(draft.oldMessageId, chat);
          insertEdit.run(messageId, draft.oldMessageId);
        }
        for (const [userId, deviceId, text] of recipients) {
          insertText.run(messageId, userId, deviceId, draft.texts[text]?.text ?? "");
        }
        tx.disk.countedElsewhere();
      }
      const stored = { messageId, chatId, chatKey: chat.chatKey, seq, senderKey, sentAtMs, repeated, recipients };
      return replaced === undefined ? stored : { ...stored, replaced };
    });
    return { messages, ...confirmAll(batch) };
  }

  /** A repeat needs none. */
  function requireRoom(
    { messages, userId }: WireExchange,
    resolved: readonly { readonly chat: ChatEntry; readonly recipients: ReturnType<typeof recipientsOf> }[],
  ): void {
    let bytes = 0;
    for (const [index, { clientId, texts }] of messages.entries()) {
      const { chat, recipients = [] } = resolved[index] ?? {};
      if (chat === undefined || (clientId !== undefined && isRepeat.get(userId, chat.chatId, clientId) !== null))
        continue;
      bytes += messageBytes("", null, clientId);
      for (const [, , text] of recipients) bytes += textBytes(texts[text]?.text ?? "");
    }
    if (bytes > 0) tx.disk.require(userId, bytes, bytes);
  }

  /** Undefined where the message was gone already. */
  function replace(messageId: number, chat: ChatEntry): WireReplaced | undefined {
    const row = message.get(messageId);
    if (row === null || isDeletedRow(row)) return undefined;
    const { revision, addressees = [] } = parts.removal.remove(messageId, row);
    return { messageId, seq: row.seq, revision, addressees, told: usersOf(addressees, chat, row.senderId) };
  }

  /** Statuses alone: they go on when the disk is full. */
  function confirmStatuses(batch: WireExchange): WireExchanged | "foreign" {
    return exchange({ ...batch, messages: [] });
  }

  /** Throws where it is no message of this form in this chat. */
  function isForeign(messageId: number, chat: ChatEntry | undefined, { userId }: ConfirmingReader): boolean {
    const row = message.get(messageId);
    if (row === null || row.chatId !== chat?.chatId || row.kind < addressedBit) {
      throw new DomainError("chat_not_found", "oldMessageID is unknown");
    }
    return row.senderId !== userId;
  }

  /** Refuses a recipient who is not in the chat. The sender's own GUID is left out, since the sender has the text. */
  function recipientsOf(
    { texts }: WireExchange["messages"][number],
    chat: ChatEntry,
    sender: ConfirmingReader,
  ): [number, number, number][] {
    const recipients: [number, number, number][] = [];
    texts.forEach(({ guid }, index) => {
      const userId = people.findByGuid(guid);
      const device = userId === undefined ? (deviceByGuid.get(guid) ?? undefined) : { userId, deviceId: 0 };
      if (device === undefined || !chat.memberSet.has(device.userId)) {
        throw new DomainError("chat_not_found", "a recipient is no member of the chat");
      }
      const own = device.userId === sender.userId && (device.deviceId === 0 || device.deviceId === sender.deviceId);
      if (!own) recipients.push([device.userId, device.deviceId, index]);
    });
    return recipients;
  }

  function confirmAll(batch: WireExchange): Moves {
    const noting = confirmations.begin(batch);
    for (const { messageId, eventId, status } of batch.confirmations) {
      if (eventId !== undefined) {
        parts.events.confirm(batch.userId, "rest", eventId);
      } else if (messageId !== undefined) {
        const row = confirmations.find(messageId, batch);
        if (row !== undefined) noting.note(row.chatId, row.seq, status);
      }
    }
    return noting.finish();
  }

  return { exchange: growing(exchange), confirmStatuses: freeing(confirmStatuses) };
}
