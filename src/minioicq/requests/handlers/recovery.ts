/** What a code opens: a password that was forgotten, and the end of an account (docs/protocols/minioicq.md). */

import type { ShownProof } from "../../../domain/people/account-proof.ts";
import { closeCode } from "../../errors.ts";
import type { Shared } from "../../shared.ts";
import type { Handler, OpenHandler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { type NamedAccount, parseName, userOf } from "./auth.ts";
import { parseCode, parseNewPassword, parseShownProof } from "./shown-proof.ts";

const empty = "Empty user_id or code";

/** Throws `try_later`. */
export const forgotPassword: OpenHandler<{ readonly action: "password.forgot"; readonly named: NamedAccount }> = {
  parse: (fields, reader) => ({ action: "password.forgot", named: parseName(fields, reader, "Empty user_id") }),
  handle: async ({ shared, caller }, { named }) => {
    shared.domain.accountCodes.forgot(claimed(shared, named), caller.address);
    return answerWith({ action: "password.forgot.success" });
  },
};

/** Throws `code_invalid`, `password_too_short`, `try_later`, `busy`. */
export const resetPassword: OpenHandler<{
  readonly action: "password.reset";
  readonly named: NamedAccount;
  readonly code: string;
  readonly password: string;
}> = {
  parse: (fields, reader) => {
    const named = parseName(fields, reader, empty);
    const code = parseCode(fields, empty);
    const password = parseNewPassword(fields);
    return { action: "password.reset", named, code, password };
  },
  handle: async ({ shared, caller: { address } }, { named, code, password }) => {
    await shared.domain.accountCodes.reset(claimed(shared, named), { code, password, address });
    return answerWith({ action: "password.reset.success" });
  },
};

/**
 * Every connection of the user is closed by it, this one too, so that there is no answer. Throws `wrong_password`,
 * `code_invalid`, `try_later`, `busy`.
 */
export const deleteAccount: Handler<{
  readonly action: "account.delete";
  readonly by: ShownProof;
}> = {
  parse: (fields) => ({ action: "account.delete", by: parseShownProof(fields) }),
  handle: async ({ shared: { domain }, caller: { address }, user }, { by }) => {
    await domain.prove(user, by, address);
    await domain.accountRemoval.remove(user.userId);
    return { is: "close", code: closeCode.policy, reason: "User disabled" };
  },
};

const claimed = ({ domain }: Shared, named: NamedAccount) => ({
  name: named.account,
  find: () => userOf(domain, named),
});
