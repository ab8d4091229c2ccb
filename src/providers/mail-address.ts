/** Mail addresses in common use; quoted local parts, comments and address literals of RFC 5322 are not supported. */

import { domainToASCII } from "node:url";

const form =
  /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?=.{1,189}$)[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)*$/u;

export const isMailAddress = (text: string): boolean => text.length <= 254 && form.test(text);

/** Gives the address with its domain in ASCII, for servers without SMTPUTF8; undefined where that is impossible. */
export function asciiAddress(address: string): string | undefined {
  const at = address.indexOf("@");
  const domain = domainToASCII(address.slice(at + 1));
  return domain === "" ? undefined : `${address.slice(0, at)}@${domain}`;
}
