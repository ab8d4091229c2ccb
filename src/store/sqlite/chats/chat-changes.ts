/** Changes to chats and who is in them, with the durable events that tell each member. */
import { chatMembersMax, chatNameCharactersMax } from "../../../domain/bounds.ts";
import { DomainError } from "../../../domain/errors.ts";
import { isReservedChatKey, userIdOfKey } from "../../../domain/keys.ts";
import type { ChatRef } from "../../../domain/model.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { MessageFiles } from "../messages/message-files.ts";
import type { TakenLoginName } from "../people/credential-parts.ts";
import type { Directory, DirectoryRule } from "../people/directory.ts";
import type { UserParts, WireLook } from "../people/user-parts.ts";
import type { SearchMarks } from "../search/search-marks.ts";
import type { ChatParts, EnteredParts, LeftParts } from "./chat-parts.ts";
import type { ChatReferences } from "./chat-references.ts";
import type { ChatRemoval } from "./chat-removal.ts";

export interface WirePut {
  readonly chat: EnteredParts["chat"];
  /** One per person, in order. */
  readonly userIds: readonly number[];
  /** Those of them who had another name before. */
  readonly renamed: readonly number[];
  readonly looks: readonly WireLook[];
  readonly entered: EnteredParts | undefined;
  /** The log-in names that usernames of new users are from now on. */
  readonly taken: readonly TakenLoginName[];
}

interface WireMuting {
  readonly userId: number;
  readonly chat: ChatRef;
  readonly untilMs?: number | undefined;
}

export interface WireMute {
  readonly chatId: number;
  readonly chatKey: string;
  readonly mutedUntilMs: number | null;
}

/** Ten years. */
const mutedMsMax = 3653 * 86_400_000;

export function createChatChanges(
  tx: Tx,
  {
    chats: parts,
    references,
    chatRemoval,
    people,
    directory,
    files,
    searchMarks,
  }: {
    chats: ChatParts;
    references: ChatReferences;
    chatRemoval: ChatRemoval;
    people: UserParts;
    directory: Directory;
    files: MessageFiles;
    searchMarks: SearchMarks;
  },
) {
  const sweepRows = tx.db.prepare(
    "DELETE FROM messages WHERE message_id IN (SELECT message_id FROM messages WHERE chat_id = ? ORDER BY seq LIMIT ?)",
  );
  const mute = tx.db.prepare("UPDATE members SET muted_until_ms = ?3 WHERE chat_id = ?1 AND user_id = ?2");
  const endSweep = tx.db.prepare("DELETE FROM sweeps WHERE chat_id = ?");

  function createChat(
    args: DirectoryRule & {
      ownerId: number;
      members: readonly number[];
      name?: string | undefined;
      membersMax?: number | undefined;
    },
  ): EnteredParts {
    const { membersMax = chatMembersMax } = args;
    const ids = [...new Set([args.ownerId, ...args.members])];
    if (ids.length > membersMax) throw new DomainError("too_many_members", `at most ${membersMax}`);
    const rows = ids.map((userId) => parts.findUser(userId));
    if (rows.some((row) => row === undefined || row.disabled)) throw new DomainError("user_not_found");
    if (!ids.every((userId) => directory.mayFind(args.ownerId, userId, args))) throw new DomainError("user_not_found");
    // A group of two would be a direct chat by another name.
    if (ids.some((userId) => tx.isBlocked(args.ownerId, userId))) throw new DomainError("user_not_found");
    const name = (args.name ?? rows.map((row) => row?.nick).join(", ")).slice(0, chatNameCharactersMax);
    const chatId = parts.makeChat({ kind: "group", name, ownerId: args.ownerId });
    return parts.enter(chatId, ids);
  }

  function putMembers(put: {
    chatKey: string;
    people: readonly { username: string; displayName?: string | undefined }[];
    chatName?: string | undefined;
    membersMax?: number | undefined;
  }): WirePut {
    const { membersMax = chatMembersMax } = put;
    const known = put.people.map((person) => findByKey(person.username));
    put.people.forEach((person, index) => {
      if (known[index] === undefined && userIdOfKey(person.username) !== undefined) {
        throw new DomainError("user_not_found", `${person.username} does not exist and the form is reserved`);
      }
      const userId = known[index];
      if (userId !== undefined && tx.sender(userId)?.disabled === true) {
        throw new DomainError("invalid_name", `${person.username} is deactivated`);
      }
    });
    const before = references.ofBackend(put.chatKey);
    if (before === undefined && isReservedChatKey(put.chatKey)) {
      throw new DomainError("reserved_key", `${put.chatKey} is a reserved form`);
    }
    if (before?.kind === "direct") throw new DomainError("invalid_chat_key", "a direct chat has two fixed members");
    const strangers = new Set(put.people.filter((_, index) => known[index] === undefined).map((one) => one.username));
    const newcomers = new Set(known.filter((id) => id !== undefined && !before?.memberSet.has(id)));
    for (const userId of newcomers) if (userId !== undefined) people.checkPerson(userId);
    if ((before?.members.length ?? 0) + strangers.size + newcomers.size > membersMax) {
      throw new DomainError("too_many_members", `at most ${membersMax}`);
    }
    for (const username of strangers) people.checkName(username);
    const taken = [...strangers].flatMap((username) => people.holderOf(username) ?? []);
    const made = new Map<string, number>();
    const renamed = new Set<number>();
    const userIds = put.people.map((person, index) => {
      const userId =
        known[index] ??
        made.get(person.username) ??
        people.make({
          username: person.username,
          nick: person.displayName ?? person.username,
          madeBy: "backend",
        });
      if (known[index] === undefined) made.set(person.username, userId);
      else if (person.displayName !== undefined && people.rename(userId, person.displayName)) renamed.add(userId);
      return userId;
    });
    const chatId =
      before?.chatId ??
      parts.makeChat({
        kind: "group",
        chatKey: put.chatKey,
        name: put.chatName?.slice(0, chatNameCharactersMax) ?? "",
        ownerId: userIds[0] ?? 0,
      });
    if (before !== undefined && put.chatName !== undefined)
      parts.setName(chatId, put.chatName.slice(0, chatNameCharactersMax));
    const entering = [...new Set(userIds)].filter((userId) => !before?.memberSet.has(userId));
    const named = { userIds, renamed: [...renamed], looks: [...renamed].map((userId) => people.look(userId)) };
    if (entering.length === 0) return { chat: parts.chatOf(chatId), ...named, entered: undefined, taken };
    if (before !== undefined) chatRemoval.touchChat(chatId);
    const entered = parts.enter(chatId, entering);
    return { chat: entered.chat, ...named, entered, taken };
  }

  function removeMembers(removal: { chatKey: string; people: readonly string[] }): LeftParts | undefined {
    const before = references.ofBackend(removal.chatKey);
    if (before === undefined) throw new DomainError("chat_not_found");
    const { chatId } = before;
    const leaving = [...new Set(removal.people.map(findByKeyOrGuid))].filter(
      (userId): userId is number => userId !== undefined && before.memberSet.has(userId),
    );
    const chat = parts.chatOf(chatId);
    if (leaving.length === 0) return undefined;
    if (leaving.includes(chat.ownerId) || !chatRemoval.keepsPeople(before.members, leaving))
      return chatRemoval.drop(chatId);
    return chatRemoval.leave(chatId, leaving);
  }

  function deleteChat(args: { chatKey: string }): LeftParts {
    const chat = references.ofBackend(args.chatKey);
    if (chat === undefined) throw new DomainError("chat_not_found");
    return chatRemoval.drop(chat.chatId);
  }

  /** Deletes up to `rows` messages of a chat that is gone; true when none is left. */
  function sweepChat(args: { chatId: number; rows: number }): boolean {
    tx.writes += 1;
    files.releaseSlice(args.chatId, args.rows);
    const { changes } = sweepRows.run(args.chatId, args.rows);
    if (changes === args.rows) return false;
    endSweep.run(args.chatId);
    searchMarks.chat(args.chatId);
    return true;
  }

  function muteChat({ userId, chat: ref, untilMs }: WireMuting): WireMute {
    const sender = tx.sender(userId);
    if (sender === undefined || sender.disabled) throw new DomainError("user_disabled");
    const { chatId, chatKey } = references.ofMember(ref, userId);
    const isOver = untilMs === undefined || untilMs <= tx.nowMs;
    const mutedUntilMs = isOver ? null : Math.min(untilMs, tx.nowMs + mutedMsMax);
    tx.writes += 1;
    mute.run(chatId, userId, mutedUntilMs);
    return { chatId, chatKey, mutedUntilMs };
  }

  function findByKey(key: string): number | undefined {
    const named = people.findByUsername(key);
    if (named !== undefined) return named;
    const userId = userIdOfKey(key);
    return userId === undefined ? undefined : parts.findUser(userId)?.userId;
  }

  const findByKeyOrGuid = (key: string): number | undefined => findByKey(key) ?? people.findByGuid(key);

  return {
    createChat: growing(createChat),
    putMembers: growing(putMembers),
    removeMembers: freeing(removeMembers),
    deleteChat: freeing(deleteChat),
    sweepChat: freeing(sweepChat),
    muteChat: growing(muteChat),
  };
}
