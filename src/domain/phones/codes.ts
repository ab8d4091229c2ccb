/**
 * Codes that are sent to a phone or an address to prove that somebody reads what arrives there: six digits, stored as the
 * SHA-256 of a salt and the code, short-lived, and good for few tries.
 */
import { equalHashes } from "../people/secrets.ts";

export const codeDigits = 6;
const codeCharactersMax = 32;

/** What the store keeps of a code. */
export interface HashedCode {
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

export const hashCode = (salt: Uint8Array, code: string): Uint8Array =>
  new Bun.CryptoHasher("sha256").update(salt).update(code).digest();

/** Whether it is this code, as typed or as a number, which has lost the zeros that the code begins with. Empty is none. */
export function isRightCode({ salt, hash }: HashedCode, typed: string): boolean {
  const [asTyped, asNumber] = [typed, typed.padStart(codeDigits, "0")].map((code) =>
    equalHashes(hash, hashCode(salt, code)),
  );
  return typed !== "" && (asTyped === true || asNumber === true);
}

/** A code as somebody typed it: spaces around and in it do not count. Empty where it cannot be one. */
export function typedCode(text: string | undefined): string {
  if (text === undefined || text.length > codeCharactersMax) return "";
  const code = text.replace(/\s/g, "");
  return /^\d+$/.test(code) ? code : "";
}
