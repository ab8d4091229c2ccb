/** Generated secrets: opaque, at least 128 random bits, stored as SHA-256 and looked up by it. */
import { timingSafeEqual } from "node:crypto";

export const hashSecret = (secret: string): Uint8Array => new Bun.CryptoHasher("sha256").update(secret).digest();

/** Hex digits of a token's hash by which its owner tells it from his others; the token cannot be found from them. */
export const tokenIdCharacters = 16;

export const tokenIdOf = (hash: Uint8Array): string => Buffer.from(hash).toString("hex").slice(0, tokenIdCharacters);

export const equalHashes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.byteLength === b.byteLength && timingSafeEqual(a, b);
