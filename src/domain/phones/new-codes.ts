/** Makes codes. It is separate from `codes.ts`, since the store's changes use that file and may not use randomness. */
import { randomBytes, randomInt } from "node:crypto";
import { codeDigits, type HashedCode, hashCode } from "./codes.ts";

export const newCode = (): string => String(randomInt(10 ** codeDigits)).padStart(codeDigits, "0");

export function hashNewCode(code: string): HashedCode {
  const salt = randomBytes(16);
  return { salt, hash: hashCode(salt, code) };
}
