/** MiniOICQ § Get User Info, Sync Users. */
import { DomainError } from "../../../domain/errors.ts";
import { userFields } from "../../outgoing/push.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import type { WireId } from "../fields.ts";

/** `nick` is the document's key here, `user_name` what its client reads (O3). Throws `user_not_found` (O18), also for hidden strangers. */
export const getUser: Handler<{ readonly action: "user.get"; readonly userId: WireId }> = {
  parse: (fields, reader) => ({ action: "user.get", userId: reader.id(fields["user_id"], "User not found") }),
  handle: async ({ shared, caller, user: asker }, { userId }) => {
    const { store, directory } = shared.domain;
    const user = userId === undefined ? undefined : await store.findUser(userId);
    if (user === undefined || user.disabled) throw new DomainError("user_not_found");
    if (directory === "contacts" && !(await store.isAcquaintance(asker.userId, user.userId))) {
      throw new DomainError("user_not_found");
    }
    return answerWith({ action: "user.push", ...userFields(user, caller.dialect), nick: user.nick });
  },
};

/** See `history/user-sync.ts`. */
export const syncUsers: Handler<{ readonly action: "user.sync" }> = {
  parse: () => ({ action: "user.sync" }),
  handle: async ({ shared, caller, user, encoding }) => {
    const frame = await shared.userSync(user, caller.deviceId, { ...caller.dialect, encoding });
    return { is: "frame", frame };
  },
};
