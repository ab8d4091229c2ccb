/** Changes to the log: the hot path. Hand-written SQL through bun:sqlite, prepared once; Drizzle would cost a third more per row. */
import { DomainError } from "../../../domain/errors.ts";
import { kindOf } from "../../../domain/messages/messages.ts";
import { type Draft, type MessageFile, messageKinds } from "../../../domain/model.ts";
import type { ChatParts, EnteredParts } from "../chats/chat-parts.ts";
import type { ChatReferences } from "../chats/chat-references.ts";
import { growing } from "../engine/change.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import { insertReceived } from "../mqtt/queue-changes.ts";
import type { DirectoryRule } from "../people/directory.ts";
import type { MessageFiles } from "./message-files.ts";
import { type EncodedAppend, type StoredMessageRow, storedMessageColumns } from "./stored-message.ts";

/** A draft as it crosses to the Worker; bytes travel beside the batch, large content is on disk already. */
export type WireDraft = Omit<Draft, "content"> &
  DirectoryRule & {
    readonly content: string | { readonly blob: number } | { readonly file: MessageFile };
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

  constructor(parts: Pick<Appended, "messageId" | "seq" | "sentAtMs" | "senderKey" | "chat" | "repeatOf" | "entered">) {
    this.messageId = parts.messageId;
    this.seq = parts.seq;
    this.sentAtMs = parts.sentAtMs;
    this.senderKey = parts.senderKey;
    this.chat = parts.chat;
    this.repeatOf = parts.repeatOf;
    this.entered = parts.entered;
  }

  /** Called once, after the commit. The member list goes along only when the main thread has not got it yet. */
  encode(generation: number): EncodedAppend {
    const { chat } = this;
    const members = chat.announcedIn === generation ? null : chat.members;
    chat.announcedIn = generation;
    return [
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
  }
}

type Content = StoredMessageRow["content"];
type PublishedRow = Pick<StoredMessageRow, "messageId" | "chatId" | "kind" | "type" | "content" | "clientId">;

export function createMessageChanges(
  tx: Tx,
  { chats: chatParts, references, files }: { chats: ChatParts; references: ChatReferences; files: MessageFiles },
) {
  const { db } = tx;
  const insertMessage = db.prepare(
    "INSERT INTO messages (message_id, chat_id, seq, sender_id, kind, type, content, client_id, client_time_ms, sent_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const moveChat = db.prepare("UPDATE chats SET last_seq = ?, last_message_id = ? WHERE chat_id = ?");
  const byClientId = db.prepare<{ messageId: number }, [number, number, string]>(
    "SELECT message_id messageId FROM messages WHERE sender_id = ? AND chat_id = ? AND client_id = ?",
  );
  const bySession = db.prepare<PublishedRow, [number, number]>(
    "SELECT m.message_id messageId, m.chat_id chatId, m.kind, m.type, m.content, m.client_id clientId FROM mqtt_published p JOIN messages m USING (message_id) WHERE p.session_id = ? AND p.packet_id = ?",
  );
  const rememberPublish = db.prepare(
    "INSERT INTO mqtt_published (session_id, packet_id, message_id) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET message_id = excluded.message_id",
  );
  const takePacketId = db.prepare(insertReceived);
  const sessionRow = db.prepare<{ one: 1 }, [number]>("SELECT 1 one FROM mqtt_sessions WHERE session_id = ?");
  const stored = db.prepare<StoredMessageRow, [number]>(
    `SELECT ${storedMessageColumns} FROM messages WHERE message_id = ?`,
  );

  function appendMessage(draft: WireDraft, blobs: readonly Uint8Array[]): Appended {
    const sender = checkSender(draft);
    const target = references.toWriteIn(draft.chat, draft.from, draft);
    const file = fileOf(draft);
    const content = contentOf(draft, blobs);
    if ("chat" in target) {
      const repeated = findRepeated(draft, target.chat, content);
      if (repeated !== undefined) return repeat(repeated, target.chat);
    }
    // From here on it writes: nothing below says no.
    const entered = "chat" in target ? undefined : chatParts.openDirect(draft.from, target.stranger);
    const chat = "chat" in target ? target.chat : chatParts.get(entered?.chat.chatId ?? 0);
    const messageId = tx.takeMessageId();
    const seq = chat.lastSeq + 1;
    const kind = kindOf(draft);
    tx.writes += 1;
    insertMessage.run(
      messageId,
      chat.chatId,
      seq,
      draft.from,
      messageKinds.indexOf(kind),
      draft.type === kind ? null : draft.type,
      content,
      draft.clientId ?? null,
      draft.clientTimeMs ?? null,
      tx.nowMs,
    );
    moveChat.run(seq, messageId, chat.chatId);
    chat.lastSeq = seq;
    if (file !== undefined) files.refer(messageId, chat.chatId, file);
    remember(draft, messageId);
    return new Appended({
      messageId,
      seq,
      sentAtMs: tx.nowMs,
      senderKey: sender.userKey,
      chat,
      repeatOf: undefined,
      entered,
    });
  }

  function remember({ publish, content }: WireDraft, messageId: number): void {
    if (publish === undefined) return;
    // While its file was written the session may have ended; then no client repeats the packet id.
    if (typeof content !== "string" && "file" in content && sessionRow.get(publish.sessionId) === null) return;
    if (publish.exactlyOnce === true) takePacketId.run(publish.sessionId, publish.packetId);
    else rememberPublish.run(publish.sessionId, publish.packetId, messageId);
  }

  /** All or nothing: everything is checked before anything is written. */
  function appendMessages(batch: { readonly drafts: readonly WireDraft[] }, blobs: readonly Uint8Array[]): Appended[] {
    for (const draft of batch.drafts) {
      checkSender(draft);
      references.toWriteIn(draft.chat, draft.from, draft);
    }
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
  function findRepeated(draft: WireDraft, chat: ChatEntry, content: Content): number | undefined {
    if (draft.clientId !== undefined) return byClientId.get(draft.from, chat.chatId, draft.clientId)?.messageId;
    if (draft.publish?.dup !== true) return undefined;
    const row = bySession.get(draft.publish.sessionId, draft.publish.packetId);
    if (row === null || row.chatId !== chat.chatId || row.clientId !== null) return undefined;
    const type = row.type ?? messageKinds[row.kind];
    const file = fileOf(draft);
    const same = file === undefined ? isSame(row.content, content) : files.isSame(row.messageId, file);
    return type === draft.type && same ? row.messageId : undefined;
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
    });
  }

  return { appendMessage: growing(appendMessage), appendMessages: growing(appendMessages) };
}

const fileOf = ({ content }: WireDraft): MessageFile | undefined =>
  typeof content !== "string" && "file" in content ? content.file : undefined;

function contentOf({ content }: WireDraft, blobs: readonly Uint8Array[]): Content {
  if (typeof content === "string") return content;
  return "blob" in content ? (blobs[content.blob] ?? null) : null;
}

function isSame(a: Content, b: Content): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return a === b;
}
