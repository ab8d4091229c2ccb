/** Changes to the log: the hot path. Hand-written SQL through bun:sqlite, prepared once; Drizzle would cost a third more per row. */
import { DomainError } from "../../../domain/errors.ts";
import { kindOf } from "../../../domain/messages/messages.ts";
import { type Draft, type MessageFile, type MessageKind, messageKinds } from "../../../domain/model.ts";
import type { ChatParts, EnteredParts } from "../chats/chat-parts.ts";
import type { ChatReferences, Target } from "../chats/chat-references.ts";
import { growing } from "../engine/change.ts";
import { messageBytes } from "../engine/disk-usage.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import { insertReceived } from "../mqtt/queue-changes.ts";
import type { DirectoryRule } from "../people/directory.ts";
import { extrasText } from "./extras.ts";
import { type Mentions, mayMention } from "./mentions.ts";
import type { MessageFiles } from "./message-files.ts";
import type { NamedFile, NamedFiles } from "./named-files.ts";
import {
  addressedBit,
  type EncodedAppend,
  isDeletedRow,
  type StoredMessageRow,
  storedMessageColumns,
} from "./stored-message.ts";

/** A draft as it crosses to the Worker; bytes travel beside the batch, large content is on disk already. */
export type WireDraft = Omit<Draft, "content" | "file"> &
  DirectoryRule & {
    readonly content:
      | string
      | { readonly blob: number }
      | { readonly file: MessageFile }
      /** See `Draft.file`. */
      | { readonly named: string };
  };

/** What the main thread needs to answer and publish; it still has the draft itself. */
export class Appended {
  readonly messageId: number;
  readonly seq: number;
  readonly sentAtMs: number;
  readonly senderKey: string;
  readonly chat: ChatEntry;
  readonly repeatOf: number | undefined;
  readonly entered: EnteredParts | undefined;
  readonly mentions: readonly number[] | undefined;
  /** What a message that names a file became. */
  readonly named: NamedFile | undefined;

  constructor(parts: Omit<Appended, "encode">) {
    this.messageId = parts.messageId;
    this.seq = parts.seq;
    this.sentAtMs = parts.sentAtMs;
    this.senderKey = parts.senderKey;
    this.chat = parts.chat;
    this.repeatOf = parts.repeatOf;
    this.entered = parts.entered;
    this.mentions = parts.mentions;
    this.named = parts.named;
  }

  /** Called once, after the commit. The member list goes along only when the main thread has not got it yet. */
  encode(generation: number): EncodedAppend {
    const { chat } = this;
    const members = chat.announcedIn === generation ? null : chat.members;
    chat.announcedIn = generation;
    const encoded: EncodedAppend = [
      this.messageId,
      this.seq,
      this.sentAtMs,
      chat.chatId,
      chat.chatKey,
      this.senderKey,
      this.repeatOf ?? 0,
      members,
      this.entered ?? null,
    ];
    if (this.named !== undefined) encoded.push(this.mentions ?? null, this.named);
    else if (this.mentions !== undefined) encoded.push(this.mentions);
    return encoded;
  }
}

type Content = StoredMessageRow["content"];
type PublishedRow = Pick<StoredMessageRow, "messageId" | "chatId" | "kind" | "type" | "content" | "clientId">;

export function createMessageChanges(
  tx: Tx,
  parts: {
    chats: ChatParts;
    references: ChatReferences;
    files: MessageFiles;
    mentions: () => Mentions;
    namedFiles: () => NamedFiles;
  },
) {
  const { db } = tx;
  const { chats: chatParts, references, files, mentions, namedFiles } = parts;
  const insertMessage = db.prepare(
    "INSERT INTO messages (message_id, chat_id, seq, sender_id, kind, type, content, client_id, client_time_ms, sent_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const insertWithExtras = db.prepare(
    "INSERT INTO messages (message_id, chat_id, seq, sender_id, kind, type, content, client_id, client_time_ms, sent_at_ms, extras) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const moveChat = db.prepare("UPDATE chats SET last_seq = ?, last_message_id = ? WHERE chat_id = ?");
  const beginTail = db.prepare(
    "UPDATE chats SET last_seq = ?1, last_message_id = ?2, tail_sender_id = ?4, tail_seq = ?1 WHERE chat_id = ?3",
  );
  const byClientId = db.prepare<{ messageId: number }, [number, number, string]>(
    "SELECT message_id messageId FROM messages WHERE sender_id = ? AND chat_id = ? AND client_id = ?",
  );
  const bySession = db.prepare<PublishedRow, [number, number]>(
    "SELECT m.message_id messageId, m.chat_id chatId, m.kind, m.type, m.content, m.client_id clientId FROM mqtt_published p JOIN messages m USING (message_id) WHERE p.session_id = ? AND p.packet_id = ?",
  );
  const rememberPublish = db.prepare(
    "INSERT INTO mqtt_published (session_id, packet_id, message_id) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET message_id = excluded.message_id",
  );
  const answered = db.prepare<{ chatId: number; kind: number }, [number]>(
    "SELECT chat_id chatId, kind FROM messages WHERE message_id = ?",
  );
  const hasText = db.prepare<{ one: 1 }, [number, number]>(
    "SELECT 1 one FROM message_texts WHERE message_id = ? AND user_id = ? LIMIT 1",
  );
  const takePacketId = db.prepare(insertReceived);
  const sessionRow = db.prepare<{ one: 1 }, [number]>("SELECT 1 one FROM mqtt_sessions WHERE session_id = ?");
  const stored = db.prepare<StoredMessageRow, [number]>(
    `SELECT ${storedMessageColumns} FROM messages WHERE message_id = ?`,
  );

  function appendMessage(draft: WireDraft, blobs: readonly Uint8Array[]): Appended {
    const sender = checkSender(draft);
    const target = references.toWriteIn(draft.chat, draft.from, draft);
    if ("chat" in target) {
      const repeated = findRepeated(draft, target.chat, blobs);
      if (repeated !== undefined) return repeat(repeated, target.chat);
    }
    if (draft.replyTo !== undefined) checkAnswered(draft, target);
    // A repeat was answered, even where the file that it names is no longer there.
    const namedFile = namedBy(draft);
    const file = namedFile?.file ?? fileOf(draft);
    const content = contentOf(draft, blobs);
    const { kind, storedType } = kindsOf(draft, namedFile);
    const bytes = messageBytes(content, storedType, draft.clientId);
    if (sender.hasShare) {
      const added = addedBy(namedFile, file);
      tx.disk.require(sender.payerId, bytes + added, added);
    }
    // From here on it writes: nothing below says no.
    const entered = "chat" in target ? undefined : chatParts.openDirect(draft.from, target.stranger);
    const chat = "chat" in target ? target.chat : chatParts.get(entered?.chat.chatId ?? 0);
    const messageId = tx.takeMessageId();
    const seq = chat.lastSeq + 1;
    const named = mentionsOf(draft, chat, kind === "text" ? content : null);
    tx.writes += 1;
    tx.disk.count(tx.disk.of(sender.payerId), bytes);
    const { replyTo } = draft;
    if (replyTo === undefined && named === undefined) {
      insertMessage.run(
        messageId,
        chat.chatId,
        seq,
        draft.from,
        messageKinds.indexOf(kind),
        storedType,
        content,
        draft.clientId ?? null,
        draft.clientTimeMs ?? null,
        tx.nowMs,
      );
    } else {
      insertWithExtras.run(
        messageId,
        chat.chatId,
        seq,
        draft.from,
        messageKinds.indexOf(kind),
        storedType,
        content,
        draft.clientId ?? null,
        draft.clientTimeMs ?? null,
        tx.nowMs,
        extrasText({ replyTo, mentions: named }),
      );
    }
    if (chat.tailSenderId === draft.from) {
      moveChat.run(seq, messageId, chat.chatId);
    } else {
      beginTail.run(seq, messageId, chat.chatId, draft.from);
      chat.tailSenderId = draft.from;
    }
    chat.lastSeq = seq;
    if (file !== undefined) files.refer(messageId, chat.chatId, file);
    const name = nameIn(draft);
    if (name !== undefined) namedFiles().used(name, messageId);
    remember(draft, messageId);
    return new Appended({
      messageId,
      seq,
      sentAtMs: tx.nowMs,
      senderKey: sender.userKey,
      chat,
      repeatOf: undefined,
      entered,
      mentions: named,
      named: namedFile,
    });
  }

  const mentionsOf = (draft: WireDraft, chat: ChatEntry, content: Content): readonly number[] | undefined => {
    const text = typeof content === "string" && mayMention(content) ? content : undefined;
    if (draft.mentions === undefined && text === undefined) return undefined;
    return mentions().find(chat, { mentions: draft.mentions, text });
  };

  /** It must stand in the chat, and be for the sender. */
  function checkAnswered({ replyTo, from }: WireDraft, target: Target): void {
    if (replyTo === undefined) return;
    const row = answered.get(replyTo);
    const found =
      row !== null &&
      "chat" in target &&
      row.chatId === target.chat.chatId &&
      !isDeletedRow(row) &&
      (row.kind < addressedBit || hasText.get(replyTo, from) !== null);
    if (!found) throw new DomainError("message_not_found", "the message to answer");
  }

  function remember({ publish, content }: WireDraft, messageId: number): void {
    if (publish === undefined) return;
    // While its file was written the session may have ended; then no client repeats the packet id.
    if (typeof content !== "string" && !("blob" in content) && sessionRow.get(publish.sessionId) === null) return;
    if (publish.exactlyOnce === true) takePacketId.run(publish.sessionId, publish.packetId);
    else rememberPublish.run(publish.sessionId, publish.packetId, messageId);
  }

  /** All or nothing: everything is checked before anything is written. */
  function appendMessages(batch: { readonly drafts: readonly WireDraft[] }, blobs: readonly Uint8Array[]): Appended[] {
    /** Of those who have a share of the disk. */
    const needed = new Map<number, number>();
    const named = new Set<string>();
    for (const draft of batch.drafts) {
      const sender = checkSender(draft);
      const target = references.toWriteIn(draft.chat, draft.from, draft);
      const name = nameIn(draft);
      if (draft.replyTo === undefined && name === undefined && !sender.hasShare) continue;
      const repeated = "chat" in target ? findRepeated(draft, target.chat, blobs) : undefined;
      if (repeated !== undefined) continue;
      checkAnswered(draft, target);
      const namedFile = namedBy(draft);
      if (!sender.hasShare) continue;
      const { storedType } = kindsOf(draft, namedFile);
      // The first message takes the upload over.
      const added = name !== undefined && named.has(name) ? namedFile?.file.bytes : addedBy(namedFile, fileOf(draft));
      if (name !== undefined) named.add(name);
      const bytes = messageBytes(contentOf(draft, blobs), storedType, draft.clientId) + (added ?? 0);
      needed.set(sender.payerId, (needed.get(sender.payerId) ?? 0) + bytes);
    }
    for (const [userId, bytes] of needed) tx.disk.require(userId, bytes, bytes);
    return batch.drafts.map((draft) => appendMessage(draft, blobs));
  }

  function checkSender(draft: WireDraft) {
    const sender = tx.sender(draft.from);
    if (sender === undefined) throw new DomainError("user_not_found");
    if (sender.disabled) throw new DomainError("user_disabled");
    return sender;
  }

  /**
   * The message this one repeats: by the client's own id, or as the DUP of a PUBLISH the same session had committed. DUP
   * and packet id alone do not tell: once its PUBACK arrived the client gives the id to a new message, and sends that one
   * with DUP too where a lost connection kept it from us. So what was said must be the same as well.
   */
  function findRepeated(draft: WireDraft, chat: ChatEntry, blobs: readonly Uint8Array[]): number | undefined {
    if (draft.clientId !== undefined) return byClientId.get(draft.from, chat.chatId, draft.clientId)?.messageId;
    if (draft.publish?.dup !== true) return undefined;
    const row = bySession.get(draft.publish.sessionId, draft.publish.packetId);
    if (row === null || row.chatId !== chat.chatId || row.clientId !== null) return undefined;
    const type = row.type ?? messageKinds[row.kind];
    const named = namedBy(draft);
    const file = named?.file ?? fileOf(draft);
    const same = file === undefined ? isSame(row.content, contentOf(draft, blobs)) : files.isSame(row.messageId, file);
    return type === (named?.type ?? draft.type) && same ? row.messageId : undefined;
  }

  /** Throws `file_not_found`, `invalid_message`. */
  function namedBy(draft: WireDraft): NamedFile | undefined {
    const name = nameIn(draft);
    return name === undefined ? undefined : namedFiles().get(draft.from, name, draft.type);
  }

  function repeat(messageId: number, chat: ChatEntry): Appended {
    const row = stored.get(messageId);
    if (row === null) throw new Error("a repeated message is gone");
    return new Appended({
      messageId,
      seq: row.seq,
      sentAtMs: row.sentAtMs,
      senderKey: tx.sender(row.senderId)?.userKey ?? "",
      chat,
      repeatOf: messageId,
      entered: undefined,
      mentions: undefined,
      named: undefined,
    });
  }

  return { appendMessage: growing(appendMessage), appendMessages: growing(appendMessages) };
}

const fileOf = ({ content }: WireDraft): MessageFile | undefined =>
  typeof content !== "string" && "file" in content ? content.file : undefined;

const nameIn = ({ content }: WireDraft): string | undefined =>
  typeof content !== "string" && "named" in content ? content.named : undefined;

/** The stored type is null where it is the kind's own name. */
function kindsOf(draft: WireDraft, named: NamedFile | undefined): { kind: MessageKind; storedType: string | null } {
  const type = named?.type ?? draft.type;
  const kind = kindOf(named === undefined ? draft : { from: draft.from, type });
  return { kind, storedType: type === kind ? null : type };
}

/** An upload was counted when it began, and is until a first message names it. */
const addedBy = (named: NamedFile | undefined, file: MessageFile | undefined): number =>
  named?.isCounted === true ? 0 : (named?.file.bytes ?? file?.bytes ?? 0);

function contentOf({ content }: WireDraft, blobs: readonly Uint8Array[]): Content {
  if (typeof content === "string") return content;
  return "blob" in content ? (blobs[content.blob] ?? null) : null;
}

function isSame(a: Content, b: Content): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return a === b;
}
