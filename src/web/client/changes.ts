/** Edits, deletions and reactions: as they happen, and those that happened while this client was away. */
import type { Cache } from "./cache.ts";
import { countOf, type Fields, idOf, isFields } from "./json.ts";
import type { MessageLog } from "./message-log.ts";
import type { Ask } from "./pages.ts";
import { type MessageRecord, readMessage, readReactions } from "./records.ts";
import type { Turns } from "./turns.ts";

interface Parts {
  readonly cache: Cache;
  readonly ask: Ask;
  readonly turns: Turns;
  readonly log: MessageLog;
  /** For who shows the message, whether it is kept or not. */
  readonly changed: (chatId: string, seq: number, change: (message: MessageRecord) => MessageRecord) => void;
  /** What is kept of the chat is of another data folder. */
  readonly reset: (chatId: string) => void;
}

interface Change {
  readonly chatId: string;
  readonly seq: number;
  readonly revision: number;
  readonly apply: (message: MessageRecord) => MessageRecord;
}

const pagesMax = 1_000;

export class Changes {
  readonly #parts: Parts;
  readonly #catching = new Map<string, Promise<void>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `message.edited`, `message.deleted` and `message.reacted`. */
  pushed(action: string, fields: Fields): void {
    const change = action === "message.edited" ? editOf(fields["message"]) : changeOf(action, fields);
    if (change === undefined) return;
    const { chatId, revision } = change;
    void this.#parts.turns.run(async () => {
      const known = this.#parts.cache.chats.get(chatId)?.revision ?? 0;
      // Others were missed, or are not for this user: the server says which.
      if (revision > known + 1) void this.catchUp(chatId);
      else await this.#apply(change, revision);
    });
  }

  /** What happened after the revision that is known. */
  catchUp(chatId: string): Promise<void> {
    let catching = this.#catching.get(chatId);
    if (catching === undefined) {
      catching = this.#catchUp(chatId).finally(() => this.#catching.delete(chatId));
      this.#catching.set(chatId, catching);
    }
    return catching;
  }

  async #catchUp(chatId: string): Promise<void> {
    const { cache, ask, turns, reset } = this.#parts;
    for (let page = 0; page < pagesMax; page += 1) {
      const chat = cache.chats.get(chatId);
      if (chat === undefined) return;
      const epoch = cache.identity?.epoch;
      const request = { chat_id: chatId, after: chat.revision, ...(epoch === undefined ? {} : { epoch }) };
      const answer = await ask("changes.get", request, (fields) => idOf(fields["chat_id"]) === chatId);
      if (!answer.ok) return;
      const { changes, revision, more, reset: isReset } = answer.fields;
      const next = countOf(revision) ?? chat.revision;
      if (isReset === true) {
        await turns.run(() => {
          const now = cache.chats.get(chatId) ?? chat;
          return cache.write({ empty: [chatId], chats: [{ ...now, revision: next }] });
        });
        reset(chatId);
        return;
      }
      await turns.run(async () => {
        for (const one of Array.isArray(changes) ? changes : []) {
          const change = isFields(one) ? listed(one) : undefined;
          if (change?.chatId === chatId) await this.#apply(change, undefined);
        }
        const now = cache.chats.get(chatId);
        if (now !== undefined && next > now.revision) await cache.write({ chats: [{ ...now, revision: next }] });
      });
      if (more !== true || next <= chat.revision) return;
    }
  }

  /** `revision`: what is known of the chat from here on. */
  async #apply({ chatId, seq, apply }: Change, revision: number | undefined): Promise<void> {
    const { cache, log, changed } = this.#parts;
    changed(chatId, seq, apply);
    await log.change(chatId, seq, apply);
    const chat = cache.chats.get(chatId);
    if (chat !== undefined && revision !== undefined && revision > chat.revision)
      await cache.write({ chats: [{ ...chat, revision }] });
  }
}

const listed = (fields: Fields): Change | undefined =>
  fields["change"] === "deleted" ? changeOf("message.deleted", fields) : editOf(fields["message"]);

/** The message as it is now, where it was not known to be later. */
function editOf(value: unknown): Change | undefined {
  const now = readMessage(value);
  if (now === undefined) return undefined;
  const { chatId, seq, revision } = now;
  const apply = (before: MessageRecord): MessageRecord =>
    before.deleted || before.revision > revision ? before : { ...now, clientId: now.clientId ?? before.clientId };
  return { chatId, seq, revision, apply };
}

function changeOf(action: string, fields: Fields): Change | undefined {
  const chatId = idOf(fields["chat_id"]);
  const seq = countOf(fields["seq"]);
  const revision = countOf(fields["revision"]) ?? 0;
  if (chatId === undefined || !seq) return undefined;
  if (action === "message.deleted") return { chatId, seq, revision, apply: (message) => emptied(message, revision) };
  const reactions = readReactions(fields["reactions"]);
  return {
    chatId,
    seq,
    revision,
    apply: (before) => (before.deleted || before.revision > revision ? before : { ...before, reactions, revision }),
  };
}

const emptied = (message: MessageRecord, revision: number): MessageRecord => ({
  ...message,
  revision,
  deleted: true,
  type: "deleted",
  content: undefined,
  file: undefined,
  mentions: [],
  reactions: [],
});
