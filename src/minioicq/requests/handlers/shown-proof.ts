/** The passwords and codes of a request. */
import type { ShownProof } from "../../../domain/people/account-proof.ts";
import { passwordBytesMax } from "../../../domain/people/passwords.ts";
import { type Fields, isAbsent, optionalText, Refused, text } from "../fields.ts";

/** Longer texts are no codes. */
const codeCharactersMax = 64;

/** `password` or `code`, and the password where there are both. */
export function parseShownProof(fields: Fields): ShownProof {
  const code = optionalText(fields["code"], { wrong: "Invalid code", charactersMax: codeCharactersMax });
  if (code !== undefined && isAbsent(fields["password"])) return { code };
  return { password: parsePassword(fields) };
}

/** One that the user has. */
export const parsePassword = (fields: Fields): string =>
  text(fields["password"], { empty: "Incorrect password", wrong: "Invalid password" });

/** One that the user is to have. */
export function parseNewPassword(fields: Fields): string {
  const password = text(fields["password"], { empty: "Empty password", wrong: "Invalid password" });
  if (Buffer.byteLength(password) > passwordBytesMax) throw new Refused("Password too long");
  return password;
}

export function parseCode(fields: Fields, empty: string): string {
  const code = text(fields["code"], { empty, wrong: "Invalid code" });
  if (code.length > codeCharactersMax) throw new Refused("Invalid code");
  return code;
}
