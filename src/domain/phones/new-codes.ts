/** Makes codes. Apart from `codes.ts`, whose rules the store's changes share: nothing there is random. */
import { randomBytes, randomInt } from "node:crypto";
import { codeDigits, type HashedCode, hashCode } from "./codes.ts";

export const newCode = (): string => String(randomInt(10 ** codeDigits)).padStart(codeDigits, "0");

export function hashNewCode(code: string): HashedCode {
  const salt = randomBytes(16);
  return { salt, hash: hashCode(salt, code) };
}
