/** What a client asks for when it comes back: the list of chats, and what of each of them it has missed. */
import type { Cache } from "./cache.ts";
import type { Changes } from "./changes.ts";
import { countOf, type Fields, isFields, listOf, textOf } from "./json.ts";
import type { MessageLog } from "./message-log.ts";
import type { Ask } from "./pages.ts";
import { type ChatRecord, readChat, readMessage } from "./records.ts";
import type { Turns } from "./turns.ts";

interface Parts {
  readonly cache: Cache;
  readonly ask: Ask;
  readonly turns: Turns;
  readonly log: MessageLog;
  readonly changes: Changes;
  /** The server does not know yet how far the user has read. */
  readonly tellRead: (chatId: string) => void;
}

const pageChats = 100;
const pagesMax = 200;
/** Chats of which nothing is kept: so many are made ready to be read without a line. */
const firstChats = 30;
/** Requests under way. */
const besideMax = 6;

/** One entry of `chat.list`, over what was known of the chat. */
function overview(value: Fields, cache: Cache): { chat: ChatRecord; revision: number; readSeq: number } | undefined {
  const before = cache.chats.get(textOf(value["chat_id"]) ?? "");
  const chat = readChat(value, before);
  if (chat === undefined) return undefined;
  const readSeq = countOf(value["read_seq"]) ?? 0;
  const lastSeq = countOf(value["last_seq"]) ?? 0;
  const revision = countOf(value["revision"]) ?? 0;
  const last = readMessage(value["last_message"]);
  // What was read or came here, and the server's list does not know yet, is counted here.
  const countedHere = before !== undefined && (before.readSeq > readSeq || before.counted > lastSeq);
  const unread = countedHere ? before.unread : (countOf(value["unread"]) ?? 0);
  return {
    revision,
    readSeq,
    chat: {
      ...chat,
      unread,
      counted: countedHere ? before.counted : lastSeq,
      mentioned: unread > 0 && chat.mentioned,
      revision: cache.covers.has(chat.chatId) ? chat.revision : revision,
      last:
        before?.last !== undefined && before.last.seq > (last?.seq ?? 0) && before.lastSeq > lastSeq
          ? before.last
          : last,
    },
  };
}

/** Resolves when everything is there, or the line broke. */
export async function sync(parts: Parts): Promise<void> {
  const { cache, ask, turns, log, changes, tellRead } = parts;
  const before = new Set(cache.chats.keys());
  const listed = new Set<string>();
  const work: (() => Promise<void>)[] = [];
  let after: string | undefined;
  for (let page = 0; page < pagesMax; page += 1) {
    const request = { order: "recent", limit: pageChats, ...(after === undefined ? {} : { after }) };
    const answer = await ask("chat.list", request);
    if (!answer.ok) return;
    await turns.run(async () => {
      const found = listOf(answer.fields["chats"], (one) => (isFields(one) ? overview(one, cache) : undefined));
      for (const { chat, revision, readSeq } of found) {
        const { chatId } = chat;
        const cover = cache.covers.get(chatId);
        if (cover === undefined ? listed.size < firstChats : cover.to < chat.lastSeq) work.push(() => log.fill(chatId));
        if (cover !== undefined && revision > chat.revision) work.push(() => changes.catchUp(chatId));
        if (chat.readSeq > readSeq) tellRead(chatId);
        listed.add(chatId);
      }
      await cache.write({ chats: found.map(({ chat }) => chat) });
    });
    after = textOf(answer.fields["next"]);
    if (after === undefined) {
      // A chat that is not listed any more was left, or is gone.
      const gone = [...before].filter((chatId) => !listed.has(chatId));
      if (gone.length > 0) await turns.run(() => cache.write({ forget: gone }));
      break;
    }
  }
  await Promise.all(
    Array.from({ length: besideMax }, async () => {
      for (let next = work.shift(); next !== undefined; next = work.shift()) await next();
    }),
  );
}
