/** Invitations that users make, where the operator lets them (docs/protocols/minioicq.md § invite.create). */
import { isoTime } from "../../../delivery/shapes.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";

/** Throws `not_authorized`, `registration_closed`, `too_many_invites`. */
export const createInvite: Handler<{ readonly action: "invite.create" }> = {
  parse: () => ({ action: "invite.create" }),
  handle: async ({ shared, user }) => {
    const { code, expiresAtMs } = await shared.domain.accounts.inviteAs(user);
    return answerWith({ action: "invite.create.success", invite: code, expires: isoTime(expiresAtMs) });
  },
};
