/** Blocking somebody, and taking it back (docs/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import type { User } from "../../../domain/model.ts";
import { type Body, type Dialect, wireId } from "../../outgoing/push.ts";
import type { Front } from "../../shared.ts";
import type { ExtensionRequest } from "../extensions.ts";

/** Idempotent. Throws `user_not_found`, `too_many_contacts`. */
export async function changeBlock(
  { domain }: Front,
  dialect: Dialect,
  user: User,
  { action, userId }: Extract<ExtensionRequest, { action: `contact.${string}` }>,
): Promise<Body> {
  if (userId === undefined) throw new DomainError("user_not_found");
  if (action === "contact.block") await domain.contacts.block(user.userId, userId);
  else await domain.contacts.unblock(user.userId, userId);
  return { action: `${action}.success`, user_id: wireId(userId, dialect) };
}
