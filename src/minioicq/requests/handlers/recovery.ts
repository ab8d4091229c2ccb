/** What a code opens: a password that was forgotten, and the end of an account (docs/protocols/minioicq.md). */

import { passwordBytesMax } from "../../../domain/people/passwords.ts";
import { closeCode } from "../../errors.ts";
import type { Shared } from "../../shared.ts";
import type { Handler, OpenHandler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { isAbsent, optionalText, Refused, text } from "../fields.ts";
import { type NamedAccount, parseName, userOf } from "./auth.ts";

/** Longer texts are no codes. */
const codeCharactersMax = 64;
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
    const code = text(fields["code"], { empty, wrong: "Invalid code" });
    if (code.length > codeCharactersMax) throw new Refused("Invalid code");
    const password = text(fields["password"], { empty: "Empty password", wrong: "Invalid password" });
    if (Buffer.byteLength(password) > passwordBytesMax) throw new Refused("Password too long");
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
  readonly by: { readonly password: string } | { readonly code: string };
}> = {
  parse: (fields) => {
    const code = optionalText(fields["code"], { wrong: "Invalid code", charactersMax: codeCharactersMax });
    const { password } = fields;
    if (code !== undefined && isAbsent(password)) return { action: "account.delete", by: { code } };
    const shown = text(password, { empty: "Incorrect password", wrong: "Invalid password" });
    return { action: "account.delete", by: { password: shown } };
  },
  handle: async ({ shared: { domain }, caller: { address }, user }, { by }) => {
    if ("password" in by) await domain.accounts.checkPassword(user, { ...by, address });
    else await domain.accountCodes.prove(user, { ...by, name: user.userKey, address });
    await domain.accountRemoval.remove(user.userId);
    return { is: "close", code: closeCode.policy, reason: "User disabled" };
  },
};

const claimed = ({ domain }: Shared, named: NamedAccount) => ({
  name: named.account,
  find: () => userOf(domain, named),
});
