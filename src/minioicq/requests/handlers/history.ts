/** MiniOICQ § Get Message History (O17). */
import { DomainError } from "../../../domain/errors.ts";
import { safeInteger } from "../../../domain/keys.ts";
import type { User } from "../../../domain/model.ts";
import type { Dialect } from "../../dialect.ts";
import { type HistoryPage, type HistoryQuery, type HistoryRange, readHistory } from "../../history/history.ts";
import { messageBody, shownMessageId } from "../../outgoing/push.ts";
import type { Shared } from "../../shared.ts";
import { parseTimeMs } from "../../time.ts";
import { type Handler, reachOf } from "../action.ts";
import { answerWith, failed } from "../answer.ts";
import { type Fields, isAbsent, Refused, type WireId } from "../fields.ts";

/** Integers below this are places in the list, not times. */
const indexMax = 1_000_000;

interface MessageGet {
  readonly action: "message.get";
  /** Whose history: a chat's, or everything between the user and another one (all of the user's, for themselves). */
  readonly of: { readonly chat: WireId } | { readonly user: WireId };
  readonly range: HistoryRange;
  readonly page: HistoryPage;
}

/** Throws `chat_not_found`, `user_not_found`. */
export const getMessages: Handler<MessageGet> = {
  parse: (fields, reader) => {
    const range = parseRange(fields["start"], fields["end"]);
    const page = { limit: parseWhole(fields["limit"], "Invalid limit") || undefined, from: parseFrom(fields) };
    const of = isAbsent(fields["chat_id"])
      ? { user: reader.id(fields["user_id"], "User not found") }
      : { chat: reader.id(fields["chat_id"], "Chat not found") };
    return { action: "message.get", of, range, page };
  },
  handle: async (call, request) => {
    const { shared, caller, user } = call;
    const { of, range, page } = request;
    const reach = reachOf(call);
    if ("chat" in of && of.chat !== undefined) await reach?.require("read", { id: of.chat });
    const named = "chat" in of ? await ofChat(shared, user, of.chat) : await ofUser(shared, user, of.user);
    const scope = reach === undefined ? named : { ...named, logs: await reach.readable(named.logs) };
    const { dialect } = caller;
    if (!(await isOneMessage(shared, { scope, page, dialect }))) return failed(request, "Invalid range");
    const reader = { userId: user.userId, deviceId: caller.deviceId };
    const { contentBytesMax } = dialect;
    const { messages, next } = await shared.historyTurns.run(user.userId, () =>
      readHistory(shared, { ...scope, range, page, reader, contentBytesMax }),
    );
    return answerWith({
      action: "message.retrieve",
      messages: messages.map((message) => messageBody(message, dialect, user.userId)),
      next,
    });
  },
};

/** False where the page begins at a number that stands for several messages, as the client sees numbers modulo 2^31. */
async function isOneMessage(
  shared: Shared,
  at: { scope: Scope; page: HistoryPage; dialect: Dialect },
): Promise<boolean> {
  const { from } = at.page;
  if (at.scope.places !== "message" || from === undefined || from.whole) return true;
  return shownMessageId(from.place, await shared.domain.store.lastMessageId(), at.dialect) !== undefined;
}

type Scope = Pick<HistoryQuery, "logs" | "places" | "senders">;

async function ofChat({ domain }: Shared, user: User, id: number | undefined): Promise<Scope> {
  if (id === undefined) throw new DomainError("chat_not_found");
  try {
    const chat = await domain.chats.getAsMember({ id }, user.userId);
    const log = await domain.store.findChatLog(user.userId, chat.chatId);
    return { logs: log === undefined ? [] : [log], places: "seq", senders: undefined };
  } catch (error) {
    // The id of a user without a direct chat with this one yet: that chat will hold nothing.
    if (error instanceof DomainError && (await domain.store.findUser(id)) !== undefined) {
      return { logs: [], places: "seq", senders: undefined };
    }
    throw error;
  }
}

/** What two users wrote in the chats they share; with the user's own id everything in the user's chats. */
async function ofUser({ domain }: Shared, user: User, id: number | undefined): Promise<Scope> {
  const { store } = domain;
  const other = id === undefined ? undefined : await store.findUser(id);
  if (other === undefined) throw new DomainError("user_not_found");
  const logs = await store.chatLogs(user.userId, other.userId);
  const between = other.userId !== user.userId && logs.some((log) => log.kind === "group");
  return { logs, places: "message", senders: between ? [user.userId, other.userId] : undefined };
}

/** What an answer gave as `next`, or a place the client knows. */
function parseFrom(fields: Fields): HistoryPage["from"] {
  const wrong = "Invalid range";
  const { next } = fields;
  if (!isAbsent(next)) {
    const parts = typeof next === "string" ? /^(before|after):(\d{1,16})(?::(\d{1,7}))?$/.exec(next) : null;
    const place = safeInteger(parts?.[2] ?? "");
    if (parts === null || place === undefined) throw new Refused(wrong);
    return { go: parts[1] === "before" ? "down" : "up", place, index: Number(parts[3] ?? 0), whole: true };
  }
  const after = parseWhole(fields["after"], wrong);
  const before = parseWhole(fields["before"], wrong);
  if (after !== undefined && before !== undefined) throw new Refused(wrong);
  if (after !== undefined) return { go: "up", place: after, index: 0, whole: false };
  return before === undefined ? undefined : { go: "down", place: before, index: 0, whole: false };
}

function parseWhole(value: unknown, wrong: string): number | undefined {
  if (isAbsent(value)) return undefined;
  const number = typeof value === "string" ? safeInteger(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) throw new Refused(wrong);
  return number;
}

/** ISO times, epoch seconds or milliseconds, or small integers for places in the list; "" or nothing leaves an end open. */
function parseRange(start: unknown, end: unknown): HistoryRange {
  const from = parseBound(start);
  const to = parseBound(end);
  if (from?.index === undefined && to?.index === undefined) return { by: "time", fromMs: from?.ms, toMs: to?.ms };
  if (from?.ms !== undefined || to?.ms !== undefined) throw new Refused("Invalid range");
  return { by: "index", first: from?.index ?? 0, last: to?.index ?? Number.MAX_SAFE_INTEGER };
}

function parseBound(value: unknown): { readonly index?: number; readonly ms?: number } | undefined {
  if (isAbsent(value)) return undefined;
  const number = typeof value === "string" ? safeInteger(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 0 && number < indexMax) {
    return { index: number };
  }
  const ms = parseTimeMs(value);
  if (ms === undefined) throw new Refused("Invalid range");
  return { ms };
}
