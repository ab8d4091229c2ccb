/** A batch of one sender: messages with a text per recipient, and statuses. All of it is checked before any is written. */

import { DomainError } from "../../../domain/errors.ts";
import { type ClientStamp, doors, systemUserId, type UserSummary } from "../../../domain/model.ts";
import type { ChatParts } from "../chats/chat-parts.ts";
import type { ChatReferences } from "../chats/chat-references.ts";
import type { ConfirmingReader, MovedPosition, Status } from "../deliveries/positions.ts";
import type { ConfirmationParts } from "../deliveries/statuses.ts";
import type { UserEvents } from "../deliveries/user-events.ts";
import { freeing, growing } from "../engine/change.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import type { UserParts } from "../people/user-parts.ts";
import type { createMessageChanges } from "./message-changes.ts";
import { addressedBit } from "./stored-message.ts";

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

export interface WireExchanged {
  readonly messages: readonly WireAddressed[];
  /** The senders who were told of a status. */
  readonly told: readonly number[];
  readonly moved: readonly MovedPosition[];
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
}

/** `events.body` of a status. */
export interface StatusBody {
  readonly chatKey: string;
  readonly messageId: number;
  readonly by: UserSummary;
  readonly guid: string;
}

export function createExchangeChanges(
  tx: Tx,
  parts: {
    chats: ChatParts;
    references: ChatReferences;
    people: UserParts;
    messages: ReturnType<typeof createMessageChanges>;
    confirmations: ConfirmationParts;
    events: UserEvents;
  },
) {
  const { db } = tx;
  const { chats, people, confirmations } = parts;
  const deviceByGuid = db.prepare<{ userId: number; deviceId: number }, [string]>(
    "SELECT user_id userId, device_id deviceId FROM devices WHERE guid = ?",
  );
  const guidOfDevice = db.prepare<{ guid: string }, [number]>("SELECT guid FROM devices WHERE device_id = ?");
  const markAddressed = db.prepare(`UPDATE messages SET kind = kind + ${addressedBit} WHERE message_id = ?`);
  const insertText = db.prepare(
    "INSERT INTO message_texts (message_id, user_id, device_id, content) VALUES (?, ?, ?, ?)",
  );
  const message = db.prepare<{ chatId: number; senderId: number; kind: number }, [number]>(
    "SELECT chat_id chatId, sender_id senderId, kind FROM messages WHERE message_id = ?",
  );
  const insertEdit = db.prepare("INSERT INTO message_edits (message_id, old_message_id) VALUES (?, ?)");
  const deleteTexts = db.prepare("DELETE FROM message_texts WHERE message_id = ?");

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
      if (!repeated) {
        markAddressed.run(messageId);
        if (draft.oldMessageId !== undefined) {
          // Who has it keeps it and is told what stands in for it; to the others it is as if it had not been for them.
          deleteTexts.run(draft.oldMessageId);
          insertEdit.run(messageId, draft.oldMessageId);
        }
        for (const [userId, deviceId, text] of recipients) {
          insertText.run(messageId, userId, deviceId, draft.texts[text]?.text ?? "");
        }
      }
      return { messageId, chatId, chatKey: chat.chatKey, seq, senderKey, sentAtMs, repeated, recipients };
    });
    return { messages, ...confirmAll(batch) };
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

  function confirmAll(batch: WireExchange): Pick<WireExchanged, "told" | "moved"> {
    const told = new Set<number>();
    const noting = confirmations.begin(batch);
    for (const { messageId, eventId, status } of batch.confirmations) {
      if (eventId !== undefined) {
        parts.events.confirm(batch.userId, "rest", eventId);
      } else if (messageId !== undefined) {
        const sender = confirmOne(messageId, { status, reader: batch, noting });
        if (sender !== undefined) told.add(sender);
      }
    }
    return { told: [...told], moved: noting.finish() };
  }

  function confirmOne(
    messageId: number,
    said: {
      status: Status;
      reader: ConfirmingReader;
      noting: ReturnType<ConfirmationParts["begin"]>;
    },
  ): number | undefined {
    const { status, reader } = said;
    const row = confirmations.find(messageId, reader);
    if (row === undefined || !said.noting.note(row, status)) return undefined;
    const { senderId, chatId } = row;
    const sender = tx.sender(senderId);
    if (senderId === systemUserId || sender === undefined || sender.disabled) return undefined;
    const by = chats.summary(reader.userId);
    const guid = row.textFor === 0 ? by.guid : (guidOfDevice.get(row.textFor)?.guid ?? by.guid);
    const body: StatusBody = { chatKey: chats.get(chatId).chatKey, messageId, by, guid };
    parts.events.add({ userId: senderId, type: status, chatId, body: JSON.stringify(body), doors: doors.rest });
    return senderId;
  }

  return { exchange: growing(exchange), confirmStatuses: freeing(confirmStatuses) };
}
