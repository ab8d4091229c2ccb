/**
 * Codes sent to a phone or an address to prove that its owner reads messages there: six digits, stored as the SHA-256
 * of a salt and the code, short-lived, valid for few tries.
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

/**
 * Whether the typed code is the right one. A client may send it as a number, without the leading zeros. Empty text is
 * never right.
 */
export function isRightCode({ salt, hash }: HashedCode, typed: string): boolean {
  const [asTyped, asNumber] = [typed, typed.padStart(codeDigits, "0")].map((code) =>
    equalHashes(hash, hashCode(salt, code)),
  );
  return typed !== "" && (asTyped === true || asNumber === true);
}

/** Gives the digits of a typed code: spaces are ignored. Empty where the text cannot be a code. */
export function typedCode(text: string | undefined): string {
  if (text === undefined || text.length > codeCharactersMax) return "";
  const code = text.replace(/\s/g, "");
  return /^\d+$/.test(code) ? code : "";
}
