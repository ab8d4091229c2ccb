/**
 * Which users are writing now. The other members of the chat and the user's other clients are told while they are connected,
 * at most once a second for each user and chat; nothing is stored. What is said more often is told when the second is over,
 * as it is then. Typing ends by itself when it was not said again for a while.
 */
import { DomainError } from "../domain/errors.ts";
import type { ChatId, ChatRef, UserId, UserSummary } from "../domain/model.ts";
import type { Reads } from "../domain/store.ts";
import type { Clock, MonotonicMs } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Hub } from "./hub.ts";

/** In larger chats no other member is told: a message goes to all members, a typing notice does not have to. */
const membersMax = 256;
const betweenMs = 1000;
const endsAfterMs = 10_000;
const sweepEveryMs = 250;
/** Of one user at a time, and of all users; who types in more chats is not told of there. */
const chatsPerUserMax = 32;
const writersMax = 16_384;

export type Typing = ReturnType<typeof createTyping>;

/** That a user types in a chat, or no longer does. */
export interface TypingSaid {
  readonly userId: UserId;
  readonly chat: ChatRef;
  readonly typing: boolean;
  /** The client that says so: it is not told. */
  readonly by: object | string | undefined;
}

/** One user in one chat. */
interface Writer {
  readonly user: UserSummary;
  readonly chatId: ChatId;
  readonly chatKey: string;
  by: TypingSaid["by"];
  said: boolean;
  saidAtMs: MonotonicMs;
  told: boolean;
  toldAtMs: MonotonicMs | undefined;
}

/** What the store said of a user's right to write in a chat. */
interface Checked {
  readonly chatId: ChatId;
  readonly chatKey: string;
  readonly version: number;
  readonly atMs: MonotonicMs;
}

export function createTyping(parts: {
  store: Pick<Reads, "findChatOf" | "receiptChat" | "isBlocked" | "findUser">;
  hub: Pick<Hub, "publish">;
  clock: Pick<Clock, "nowMs" | "monotonicMs">;
  log: Log;
}) {
  const { store, hub, clock, log } = parts;
  const writersOf = new Map<UserId, Map<ChatId, Writer>>();
  let writers = 0;
  /** By user and name of the chat. A flood of notices costs no read each. */
  const checks = new Map<string, Checked>();
  /** Moves when someone may write elsewhere than before. */
  let version = 0;
  let timer: ReturnType<typeof setInterval> | undefined;

  /**
   * Throws `chat_not_found` and `not_a_member` as for a message that is sent there, except that a direct chat must be there
   * already. Gives the chat.
   */
  async function set(said: TypingSaid): Promise<Pick<Checked, "chatId" | "chatKey">> {
    const chat = await checkedChat(said.userId, said.chat);
    const nowMs = clock.monotonicMs();
    const writer =
      writersOf.get(said.userId)?.get(chat.chatId) ?? (said.typing ? await begin(said.userId, chat) : undefined);
    if (writer === undefined) return chat;
    writer.said = said.typing;
    writer.saidAtMs = nowMs;
    writer.by = said.by;
    if (isDue(writer, nowMs) && (said.typing || writer.told)) await tell(writer, nowMs);
    return chat;
  }

  /** The chat that is meant, in which the user may write now. */
  async function checkedChat(userId: UserId, ref: ChatRef): Promise<Checked> {
    const name = "id" in ref ? `${userId} #${ref.id}` : `${userId} ${ref.key}`;
    const nowMs = clock.monotonicMs();
    const known = checks.get(name);
    if (known !== undefined && known.version === version && nowMs - known.atMs < betweenMs) return known;
    const before = version;
    const chat = await store.findChatOf(userId, ref);
    if (chat === undefined) throw new DomainError("chat_not_found");
    if (chat.kind === "direct") await checkNotBlocked(userId, chat.chatId);
    checks.delete(name);
    if (checks.size >= writersMax) checks.delete(checks.keys().next().value ?? name);
    const checked = { chatId: chat.chatId, chatKey: chat.chatKey, version: before, atMs: nowMs };
    checks.set(name, checked);
    timer ??= setInterval(sweep, sweepEveryMs).unref();
    return checked;
  }

  /** Who was blocked by the other is answered as for a message. */
  async function checkNotBlocked(userId: UserId, chatId: ChatId): Promise<void> {
    const direct = await store.receiptChat(chatId, 2);
    if (direct?.blocked !== true) return;
    for (const other of direct.members?.keys() ?? []) {
      if (other !== userId && (await store.isBlocked({ by: other, contactId: userId }))) {
        throw new DomainError("not_a_member");
      }
    }
  }

  /** Undefined where the user, or all users, type in too many chats. */
  async function begin(userId: UserId, { chatId, chatKey }: Checked): Promise<Writer | undefined> {
    const user = await store.findUser(userId);
    const own = writersOf.get(userId) ?? new Map<ChatId, Writer>();
    const there = own.get(chatId);
    if (there !== undefined) return there;
    if (user === undefined || own.size >= chatsPerUserMax || writers >= writersMax) return undefined;
    const { guid, userKey, nick } = user;
    const writer: Writer = {
      user: { userId, guid, userKey, nick },
      chatId,
      chatKey,
      by: undefined,
      said: false,
      saidAtMs: clock.monotonicMs(),
      told: false,
      toldAtMs: undefined,
    };
    own.set(chatId, writer);
    writersOf.set(userId, own);
    writers += 1;
    return writer;
  }

  function sweep(): void {
    const nowMs = clock.monotonicMs();
    for (const own of writersOf.values()) {
      for (const writer of own.values()) {
        if (nowMs - writer.saidAtMs >= endsAfterMs) writer.said = false;
        if (!isDue(writer, nowMs)) continue;
        if (writer.said !== writer.told) {
          tell(writer, nowMs).catch((error: unknown) => log.error("typing could not be told", { error }));
        } else if (!writer.told) forget(writer);
      }
    }
    // The oldest stand first.
    for (const [name, { atMs }] of checks) {
      if (nowMs - atMs < betweenMs) break;
      checks.delete(name);
    }
    if (writers === 0 && checks.size === 0) stop();
  }

  function forget({ user: { userId }, chatId }: Writer): void {
    const own = writersOf.get(userId);
    if (own?.delete(chatId) === true) writers -= 1;
    if (own?.size === 0) writersOf.delete(userId);
  }

  /** Tells those who may know of it now. */
  async function tell(writer: Writer, nowMs: MonotonicMs): Promise<void> {
    const { user, chatId, chatKey, said: typing, by } = writer;
    writer.told = typing;
    writer.toldAtMs = nowMs;
    const chat = await store.receiptChat(chatId, membersMax);
    if (chat === undefined) return;
    const to = chat.members?.has(user.userId) === true && !chat.blocked ? [...chat.members.keys()] : [user.userId];
    hub.publish({ type: "chat.typing", typing: { chatId, chatKey, user, typing, atMs: clock.nowMs() }, by, to });
  }

  function stop(): void {
    clearInterval(timer);
    timer = undefined;
    writersOf.clear();
    checks.clear();
    writers = 0;
  }

  return {
    set,
    stop,
    /** Someone may write elsewhere than before. */
    changed(): void {
      version += 1;
    },
    size: (): { writers: number; checks: number } => ({ writers, checks: checks.size }),
  };
}

const isDue = ({ toldAtMs }: Writer, nowMs: MonotonicMs): boolean =>
  toldAtMs === undefined || nowMs - toldAtMs >= betweenMs;
