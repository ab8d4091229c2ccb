/** `MINIOICQ.md` Get User Info. */
import { DomainError } from "../../../domain/errors.ts";
import type { User } from "../../../domain/model.ts";
import { type Body, userFields } from "../../outgoing/push.ts";
import type { Front } from "../../shared.ts";
import type { Request } from "../actions.ts";
import type { Connection } from "./dispatch.ts";

/** `nick` is the document's key here, `user_name` what its client reads (O3). Throws `user_not_found` (O18), of hidden strangers too. */
export async function getUser(
  { domain }: Front,
  connection: Connection,
  { userId }: Extract<Request, { action: "user.get" }>,
  asker: User,
): Promise<Body> {
  const user = userId === undefined ? undefined : await domain.store.findUser(userId);
  if (user === undefined || user.disabled) throw new DomainError("user_not_found");
  if (domain.directory === "contacts" && !(await domain.store.isAcquaintance(asker.userId, user.userId))) {
    throw new DomainError("user_not_found");
  }
  return { action: "user.push", ...userFields(user, connection.dialect), nick: user.nick };
}
