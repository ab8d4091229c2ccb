/** Changes to hooks: a hook comes with a user of its own, who is a member of the chat, and goes with that membership. */
import { DomainError } from "../../../domain/errors.ts";
import type { ChatRef } from "../../../domain/model.ts";
import { bytesOfHex } from "../../../lib/hex.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { UserParts } from "../people/user-parts.ts";
import type { ChatParts, EnteredParts, LeftParts } from "./chat-parts.ts";
import type { ChatReferences } from "./chat-references.ts";
import type { ChatRemoval } from "./chat-removal.ts";

export interface WireHook {
  readonly userId: number;
  readonly chatId: number;
  readonly chatKey: string;
  readonly name: string;
  readonly createdAtMs: number;
}

export function createHookChanges(
  tx: Tx,
  {
    chats: parts,
    references,
    chatRemoval,
    people,
  }: { chats: ChatParts; references: ChatReferences; chatRemoval: ChatRemoval; people: UserParts },
) {
  const insert = tx.db.prepare("INSERT INTO hooks (user_id, chat_id, hash, created_at_ms) VALUES (?, ?, ?, ?)");
  const insertPayer = tx.db.prepare("INSERT INTO disk_payers (user_id, payer_id) VALUES (?, ?)");
  const count = tx.db.prepare<{ count: number }, [number]>("SELECT count(*) count FROM hooks WHERE chat_id = ?");
  const chatOf = tx.db.prepare<{ chatId: number }, [number]>("SELECT chat_id chatId FROM hooks WHERE user_id = ?");

  function addHook(request: {
    chat: ChatRef;
    /** The owner of the chat who asks; without one the operator does. */
    by?: number | undefined;
    name: string;
    hash: string;
    hooksMax: number;
    membersMax: number;
  }): { hook: WireHook; entered: EnteredParts } {
    const { name, hooksMax, membersMax } = request;
    const group = references.ownGroup(request.chat, request.by);
    if ((count.get(group.chatId)?.count ?? 0) >= hooksMax) {
      throw new DomainError("too_many_members", `at most ${hooksMax} hooks in a chat; remove one`);
    }
    if (group.members.length >= membersMax) throw new DomainError("too_many_members", `at most ${membersMax}`);
    const { by } = request;
    const userId = people.make({ nick: name, kind: "hook", madeBy: by === undefined ? "operator" : "registered" });
    tx.writes += 1;
    if (by !== undefined) insertPayer.run(userId, by);
    insert.run(userId, group.chatId, bytesOfHex(request.hash), tx.nowMs);
    chatRemoval.touchChat(group.chatId);
    const entered = parts.enter(group.chatId, [userId]);
    const { chatId, chatKey } = entered.chat;
    return { hook: { userId, chatId, chatKey, name, createdAtMs: tx.nowMs }, entered };
  }

  /** With `chat` only a hook of this one. */
  function removeHook(request: { userId: number; chat?: ChatRef | undefined; by?: number | undefined }): LeftParts {
    const chatId = chatOf.get(request.userId)?.chatId;
    const group = chatId === undefined ? undefined : references.ownGroup(request.chat ?? { id: chatId }, request.by);
    if (group === undefined || group.chatId !== chatId) throw new DomainError("user_not_found", "no hook has this id");
    return chatRemoval.leave(group.chatId, [request.userId]);
  }

  return { addHook: growing(addHook), removeHook: freeing(removeHook) };
}
