/** `MINIOICQ.md` Create Chat. Every member is told by `chat.spawn` through the stream, the creator too (O15). */
import { DomainError } from "../../../domain/errors.ts";
import type { Entered, User } from "../../../domain/model.ts";
import type { Front } from "../../shared.ts";
import type { Request } from "../actions.ts";

/** A new group, also for one other member (O10). Throws `user_not_found`, `too_many_members`. */
export async function createChat(
  { domain }: Front,
  user: User,
  { members, name }: Extract<Request, { action: "chat.create" }>,
): Promise<Entered> {
  const known = members.filter((member) => member !== undefined);
  if (known.length < members.length) throw new DomainError("user_not_found");
  return domain.chats.create(user.userId, { members: known, name });
}
