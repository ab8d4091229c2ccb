/** Mail addresses as people have them; quoted local parts, comments and address literals of RFC 5322 are left out. */

import { domainToASCII } from "node:url";

const form =
  /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?=.{1,189}$)[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)*$/u;

export const isMailAddress = (text: string): boolean => text.length <= 254 && form.test(text);

/** With the domain as the mail system knows it, for servers without SMTPUTF8; undefined where it cannot be written so. */
export function asciiAddress(address: string): string | undefined {
  const at = address.indexOf("@");
  const domain = domainToASCII(address.slice(at + 1));
  return domain === "" ? undefined : `${address.slice(0, at)}@${domain}`;
}
