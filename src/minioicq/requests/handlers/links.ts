/** The ways into an account: a phone and a password come and go here (docs/protocols/minioicq.md § phone.link). */
import type { ShownProof } from "../../../domain/people/account-proof.ts";
import { phoneOf } from "../../../domain/phones/phones.ts";
import type { Handler } from "../action.ts";
import { answerWith } from "../answer.ts";
import { type Fields, Refused, text } from "../fields.ts";
import { parseCode, parsePassword, parseShownProof } from "./shown-proof.ts";

/** Throws `already_linked`, `code_not_sent`, `try_later`. */
export const sendPhoneCode: Handler<{ readonly action: "phone.code"; readonly phone: string }> = {
  parse: (fields) => ({ action: "phone.code", phone: parsePhone(fields) }),
  handle: async ({ shared, caller: { address }, user }, { phone }) => {
    await shared.domain.links.sendPhoneCode(user, { phone, address });
    return answerWith({ action: "phone.code.success", phone });
  },
};

/** Throws `wrong_password`, `code_invalid`, `already_linked`, `account_in_use`, `try_later`, `busy`. */
export const linkPhone: Handler<{
  readonly action: "phone.link";
  readonly phone: string;
  readonly code: string;
  readonly password: string;
}> = {
  parse: (fields) => {
    const phone = parsePhone(fields);
    const password = parsePassword(fields);
    return { action: "phone.link", phone, code: parseCode(fields, "Invalid code"), password };
  },
  handle: async ({ shared, caller: { address }, user }, { phone, code, password }) => {
    const linked = await shared.domain.links.linkPhone(user, { phone, code, password, address });
    return answerWith({ action: "phone.link.success", phone, credentials: linked });
  },
};

/** Throws `wrong_password`, `code_invalid`, `not_linked`, `last_credential`, `try_later`, `busy`. */
export const unlinkPhone: Handler<{ readonly action: "phone.unlink"; readonly by: ShownProof }> = {
  parse: (fields) => ({ action: "phone.unlink", by: parseShownProof(fields) }),
  handle: async ({ shared, caller: { address }, user }, { by }) => {
    const linked = await shared.domain.links.unlinkPhone(user, by, address);
    return answerWith({ action: "phone.unlink.success", credentials: linked });
  },
};

/** A client that came by the password is closed before the answer. Throws `wrong_password`, `last_credential`, `try_later`, `busy`. */
export const unlinkPassword: Handler<{ readonly action: "password.unlink"; readonly password: string }> = {
  parse: (fields) => ({ action: "password.unlink", password: parsePassword(fields) }),
  handle: async ({ shared, caller: { address }, user }, { password }) => {
    const linked = await shared.domain.links.unlinkPassword(user, { password, address });
    return answerWith({ action: "password.unlink.success", credentials: linked });
  },
};

function parsePhone(fields: Fields): string {
  const wrong = "Invalid phone";
  const phone = phoneOf(text(fields["phone"], { empty: wrong, wrong }));
  if (phone === undefined) throw new Refused(wrong);
  return phone;
}
