/** Changes that users make to their groups. Each names the acting user and checks that this user may make it. */
import { chatMembersMax } from "../../../domain/bounds.ts";
import { DomainError } from "../../../domain/errors.ts";
import type { ChatRef } from "../../../domain/model.ts";
import { freeing, growing } from "../engine/change.ts";
import type { Tx } from "../engine/tx.ts";
import type { Directory, DirectoryRule } from "../people/directory.ts";
import type { ChatParts, EnteredParts, LeftParts } from "./chat-parts.ts";
import type { ChatReferences } from "./chat-references.ts";
import type { ChatRemoval } from "./chat-removal.ts";

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
    chatRemoval,
    directory,
  }: { chats: ChatParts; references: ChatReferences; chatRemoval: ChatRemoval; directory: Directory },
) {
  const putAvatar = tx.db.prepare(
    "INSERT INTO chat_avatars (chat_id, avatar) VALUES (?, ?) ON CONFLICT DO UPDATE SET avatar = excluded.avatar",
  );
  const removeAvatar = tx.db.prepare("DELETE FROM chat_avatars WHERE chat_id = ?");

  function leaveChat({ userId, chat }: Acting): LeftParts {
    return chatRemoval.leaveOne(references.groupOf(chat, userId).chatId, userId);
  }

  function addToChat(
    request: Acting & DirectoryRule & { readonly members: readonly number[]; readonly membersMax?: number | undefined },
  ): {
    chat: EnteredParts["chat"];
    entered: EnteredParts | undefined;
  } {
    const { membersMax = chatMembersMax } = request;
    const group = references.groupOf(request.chat, request.userId);
    const entering = [...new Set(request.members)].filter((member) => !group.memberSet.has(member));
    if (group.members.length + entering.length > membersMax) {
      throw new DomainError("too_many_members", `at most ${membersMax}`);
    }
    // A disabled member is shown to no other, so that they are not found either.
    if (request.members.some((member) => tx.sender(member)?.disabled === true)) throw new DomainError("user_not_found");
    for (const member of entering) {
      const row = parts.findUser(member);
      const found = row !== undefined && directory.mayFind(request.userId, member, request);
      if (!found || tx.isBlocked(request.userId, member)) throw new DomainError("user_not_found");
    }
    if (entering.length === 0) return { chat: parts.chatOf(group.chatId), entered: undefined };
    chatRemoval.touchChat(group.chatId);
    const entered = parts.enter(group.chatId, entering);
    return { chat: entered.chat, entered };
  }

  function removeFromChat(request: Acting & { readonly members: readonly number[] }): LeftParts {
    const { userId } = request;
    const group = references.ownGroup(request.chat, userId);
    const leaving = [...new Set(request.members)];
    if (leaving.length === 0 || leaving.some((member) => !group.memberSet.has(member))) {
      throw new DomainError("user_not_found");
    }
    if (leaving.includes(userId)) throw new DomainError("not_authorized", "an owner leaves, and is not removed");
    return chatRemoval.leave(group.chatId, leaving);
  }

  function renameChat({ userId, chat, name }: Acting & { readonly name: string }): WireRenamed {
    const { chatId, members } = references.ownGroup(chat, userId);
    const isNew = parts.setName(chatId, name);
    return { chat: parts.chatOf(chatId), told: isNew ? members : [] };
  }

  /** `avatar`: base64. */
  function setChatAvatar({ userId, chat, avatar }: Acting & { readonly avatar?: string | undefined }): WireRenamed {
    const { chatId, members } = references.ownGroup(chat, userId);
    tx.writes += 1;
    if (avatar === undefined) removeAvatar.run(chatId);
    else putAvatar.run(chatId, Buffer.from(avatar, "base64"));
    return { chat: parts.chatOf(chatId), told: members };
  }

  return {
    setChatAvatar: growing(setChatAvatar),
    leaveChat: freeing(leaveChat),
    addToChat: growing(addToChat),
    removeFromChat: freeing(removeFromChat),
    renameChat: growing(renameChat),
  };
}
