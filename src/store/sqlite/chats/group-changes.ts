/** Changes that users make to their groups. Each names the acting user and checks that this user may make it. */
import { chatMembersMax } from "../../../domain/bounds.ts";
import { DomainError } from "../../../domain/errors.ts";
import type { ChatRef } from "../../../domain/model.ts";
import { freeing, growing } from "../engine/change.ts";
import type { ChatEntry, Tx } from "../engine/tx.ts";
import type { Directory, DirectoryRule } from "../people/directory.ts";
import type { ChatParts, EnteredParts, LeftParts } from "./chat-parts.ts";
import type { ChatReferences } from "./chat-references.ts";
import type { ChatEnds } from "./chat-removal.ts";

interface Acting {
  readonly userId: number;
  readonly chat: ChatRef;
}

export interface WireRenamed {
  readonly chat: EnteredParts["chat"];
  readonly told: readonly number[];
}

export function createGroupChanges(
  tx: Tx,
  {
    chats: parts,
    references,
    ends,
    directory,
  }: { chats: ChatParts; references: ChatReferences; ends: ChatEnds; directory: Directory },
) {
  function leaveChat({ userId, chat }: Acting): LeftParts {
    return ends.leaveOne(groupOf(userId, chat).chatId, userId);
  }

  function addToChat(
    request: Acting & DirectoryRule & { readonly members: readonly number[]; readonly membersMax?: number | undefined },
  ): {
    chat: EnteredParts["chat"];
    entered: EnteredParts | undefined;
  } {
    const { membersMax = chatMembersMax } = request;
    const group = groupOf(request.userId, request.chat);
    const entering = [...new Set(request.members)].filter((member) => !group.memberSet.has(member));
    if (group.members.length + entering.length > membersMax) {
      throw new DomainError("too_many_members", `at most ${membersMax}`);
    }
    for (const member of entering) {
      const row = parts.findUser(member);
      const found = row !== undefined && !row.disabled && directory.mayFind(request.userId, member, request);
      if (!found || tx.isBlocked(request.userId, member)) throw new DomainError("user_not_found");
    }
    if (entering.length === 0) return { chat: parts.chatOf(group.chatId), entered: undefined };
    ends.touchChat(group.chatId);
    const entered = parts.enter(group.chatId, entering);
    return { chat: entered.chat, entered };
  }

  function removeFromChat(request: Acting & { readonly members: readonly number[] }): LeftParts {
    const { userId } = request;
    const group = ownGroupOf(userId, request.chat);
    const leaving = [...new Set(request.members)];
    if (leaving.length === 0 || leaving.some((member) => !group.memberSet.has(member))) {
      throw new DomainError("user_not_found");
    }
    if (leaving.includes(userId)) throw new DomainError("not_authorized", "an owner leaves, and is not removed");
    return ends.leave(group.chatId, leaving);
  }

  function renameChat({ userId, chat, name }: Acting & { readonly name: string }): WireRenamed {
    const { chatId, members } = ownGroupOf(userId, chat);
    const isNew = parts.setName(chatId, name);
    return { chat: parts.chatOf(chatId), told: isNew ? members : [] };
  }

  function ownGroupOf(userId: number, ref: ChatRef): ChatEntry {
    const group = groupOf(userId, ref);
    if (parts.chatOf(group.chatId).ownerId !== userId) throw new DomainError("not_authorized", "not the owner");
    return group;
  }

  function groupOf(userId: number, ref: ChatRef): ChatEntry {
    const sender = tx.sender(userId);
    if (sender === undefined || sender.disabled) throw new DomainError("user_disabled");
    const chat = references.ofMember(ref, userId);
    if (chat.kind === "direct") throw new DomainError("chat_is_direct");
    return chat;
  }

  return {
    leaveChat: freeing(leaveChat),
    addToChat: growing(addToChat),
    removeFromChat: freeing(removeFromChat),
    renameChat: growing(renameChat),
  };
}
