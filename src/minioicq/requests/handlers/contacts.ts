/** Blocking a user, and unblocking (docs/protocols/minioicq.md). */
import { DomainError } from "../../../domain/errors.ts";
import { wireId } from "../../outgoing/push.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import type { WireId } from "../fields.ts";

interface Block<Name> {
  readonly action: Name;
  readonly userId: WireId;
}

export const block = changeOf("contact.block");
export const unblock = changeOf("contact.unblock");

/** Idempotent. Throws `user_not_found`, `too_many_contacts`. */
function changeOf<Name extends "contact.block" | "contact.unblock">(action: Name): Handler<Block<Name>> {
  return {
    parse: ({ user_id: id }, reader) => ({ action, userId: reader.id(id, "User not found") }),
    handle: async ({ shared, caller, user }, { userId }) => {
      const { contacts } = shared.domain;
      if (userId === undefined) throw new DomainError("user_not_found");
      if (action === "contact.block") await contacts.block(user.userId, userId);
      else await contacts.unblock(user.userId, userId);
      return answerWith({ action: `${action}.success`, user_id: wireId(userId, caller.dialect) });
    },
  };
}
